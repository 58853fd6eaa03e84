"""What the server takes and gives as JSON: the contract with the page, whose types are made of it.

A number that there is not is null; an infinite one is the text "inf". Times in a run's life are
Unix times [s]; those of tasks count from the first arrival of their episode [s].
"""

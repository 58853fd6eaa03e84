"""Files and processes: writing whole or not at all, reading within bounds."""

"""Tables, figures, TensorBoard runs and the page of a comparison."""

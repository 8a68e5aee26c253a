"""Tables: the steps of the recipe's `preprocess` for columns, and the transformer that they make."""

"""The data stages, as DVC runs them."""

"""The exact solver: the whole model, searched to a proven optimum."""

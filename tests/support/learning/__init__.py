"""Plain versions of what the trainer computes."""

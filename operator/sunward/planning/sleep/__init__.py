"""A node's way to sleep and back, one step at a time."""

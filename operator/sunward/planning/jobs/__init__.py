"""Training jobs as parts of a problem, and plans as assignments."""

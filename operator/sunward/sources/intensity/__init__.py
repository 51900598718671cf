"""Grid intensity by zone: providers, and the ladder of what serves while one does not answer."""

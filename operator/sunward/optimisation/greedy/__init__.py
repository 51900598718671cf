"""The constructive heuristic that always stands ready. Uses no solver."""

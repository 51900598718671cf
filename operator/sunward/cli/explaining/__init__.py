"""Commands that answer why: of a node or a job in a cluster, of a planning problem, of a reason."""

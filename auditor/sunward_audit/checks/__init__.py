"""The invariants I1 to I16, each a small pure function over the view."""

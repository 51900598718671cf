"""The planning problem, its solvers and its verifier. Faces: `solve`, `verify`, `explain`; long-lived programs use
`process.guarded`.

Knows no clock of the world, no cluster, no snapshot: a problem is a value, a solution another.
"""

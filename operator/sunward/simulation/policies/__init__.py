"""Ways to run a cluster behind one interface: the planner's modes, and rules that others have published.

A policy sees forecasts and what is left to do, and orders one period. It never sees the truth, unless it says
that it is an oracle.
"""

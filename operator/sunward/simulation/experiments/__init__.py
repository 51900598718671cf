"""The paper's experiments, run with the product's own planner and physics.

Each experiment returns values (claims with the paper's figure, ours and its interval; tables; figures); how
they are shown is `report`'s business. No experiment knows a clock, the network or a folder.
"""

"""The world around the cluster: node physics and the traces that drive it.

Shared by the lab, which runs it in real time, and by the simulator, which runs it in virtual time. It
knows no clock and nothing else of the product.
"""

from sunward.simulation.world.physics import (
    Battery,
    Flows,
    Inputs,
    NodeModel,
    NodeState,
    Power,
    harvest_watts,
    step,
    switch_off,
    switch_on,
)
from sunward.simulation.world.traces import Trace, intensity_traces, solar_traces

__all__ = [
    "Battery",
    "Flows",
    "Inputs",
    "NodeModel",
    "NodeState",
    "Power",
    "Trace",
    "harvest_watts",
    "intensity_traces",
    "solar_traces",
    "step",
    "switch_off",
    "switch_on",
]

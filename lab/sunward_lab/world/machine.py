"""One real node seen as a physical machine: its CPU time becomes watts, its supply can be cut.

It reads what the node truly does (CPU time of its cgroup, the lab's power file) and integrates the shared
physics; it switches nothing itself.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from sunward.domain.units import WATT_HOURS_PER_KILOWATT_HOUR
from sunward.simulation import world

from ..spec import WorldNode
from .faults import SensorFault
from .scenario import Scenario
from .sysfs import BatteryReading, SensorTree
from .weather import Weather

_NANOSECONDS = 1e9
_HUGE_WATTS = 4000.0


class CpuMeter:
    """CPU seconds used by a cgroup; a cgroup that is gone (a node being switched) has used none."""

    def __init__(self, folder: Path) -> None:
        """Measure `cpuacct.usage` in this folder."""
        self._path = folder / "cpuacct.usage"
        self._descriptor: int | None = None
        self._last: int | None = None

    def seconds_since_last(self) -> float:
        """CPU seconds since the last call; 0 on the first one and after the cgroup was made anew."""
        usage = self._usage()
        last, self._last = self._last, usage
        if usage is None or last is None or usage < last:
            return 0.0
        return (usage - last) / _NANOSECONDS

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _usage(self) -> int | None:
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_RDONLY)
            return int(os.pread(self._descriptor, 32, 0))
        except (OSError, ValueError):
            self.close()
            return None


class Machine:
    """The physics of one node in real time."""

    def __init__(self, node: WorldNode, scenario: Scenario, weather: Weather) -> None:
        """Take the node's constants from the scenario; raises KeyError when it lacks the node."""
        self.node = node
        self.place = scenario.nodes[node.name]
        self.model = scenario.model_of(node.name)
        self.busy_ratio = 0.0
        self.harvest_watts = 0.0
        self.intensity_grams_per_kilowatt_hour = 0
        self.grid_grams = 0.0
        self.cpu_seconds = 0.0
        self.held_off = False
        self._weather = weather
        self._full_cores = scenario.cpu.full_cores
        self._cpu = CpuMeter(Path(node.cgroup))
        self._sensors = SensorTree(
            Path(node.sysfs), harvest=self.place.harvest is not None, battery=self.place.battery is not None
        )
        stored = 0.0 if self.place.battery is None else self.place.battery.initial_watt_hours
        power = world.Power.AWAKE if self.powered() else world.Power.ASLEEP
        self.state = world.NodeState(power=power, stored_watt_hours=stored)

    def powered(self) -> bool:
        """Whether the machine has power; False as well while the relay is cutting it."""
        if self.held_off:
            return False
        try:
            return Path(self.node.power_file).read_text(encoding="ascii").strip() == "on"
        except OSError:
            return False

    def tick(self, now: float, seconds: float) -> None:
        """Integrate the last `seconds` under what the node did in them."""
        used = self._cpu.seconds_since_last()
        self.cpu_seconds += used
        self.busy_ratio = min(1.0, used / seconds / self._full_cores) if seconds > 0.0 else 0.0
        self.harvest_watts = 0.0 if self.place.harvest is None else self._weather.harvest_watts(self.place.harvest, now)
        self.intensity_grams_per_kilowatt_hour = self._weather.slot(self.place.zone, now).grams_per_kilowatt_hour
        self._follow_power()
        inputs = world.Inputs(busy_ratio=self.busy_ratio, harvest_watts=self.harvest_watts)
        before = self.state.flows.grid
        self.state = world.step(self.model, self.state, inputs, seconds)
        grid_watt_hours = self.state.flows.grid - before
        self.grid_grams += grid_watt_hours / WATT_HOURS_PER_KILOWATT_HOUR * self.intensity_grams_per_kilowatt_hour

    def publish(self, fault: SensorFault = SensorFault.NONE) -> None:
        """Show the sensors, or what a broken power sensor shows."""
        self._sensors.show_harvest(self.harvest_watts)
        if self.model.battery is not None:
            self._sensors.show_battery(
                BatteryReading(
                    stored_watt_hours=self.state.stored_watt_hours,
                    capacity_watt_hours=self.model.battery.capacity_watt_hours,
                    watts=self.state.battery_watts,
                )
            )
        self._publish_power(fault)

    def resume(self, *, flows: world.Flows, stored_watt_hours: float, grid_grams: float) -> None:
        """Continue the counters of a world that stopped."""
        self.state = replace(self.state, flows=flows, stored_watt_hours=stored_watt_hours)
        self.grid_grams = grid_grams

    def close(self) -> None:
        """Close every file of the node."""
        self._cpu.close()
        self._sensors.close()

    def _follow_power(self) -> None:
        if not self.powered():
            self.state = world.switch_off(self.state)
        else:
            self.state = world.switch_on(self.model, self.state)

    def _publish_power(self, fault: SensorFault) -> None:
        if fault is SensorFault.NONE:
            self._sensors.show_power(self.state.draw_watts)
        elif fault is SensorFault.MISSING:
            self._sensors.hide_power()
        elif fault is SensorFault.GARBAGE:
            self._sensors.show_text("nan")
        elif fault is SensorFault.NEGATIVE:
            self._sensors.show_power(-1.0)
        elif fault is SensorFault.HUGE:
            self._sensors.show_power(_HUGE_WATTS)

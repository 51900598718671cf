"""The exporter's accuracy and cost, in two tables.

Accuracy: the exporter's own sampling and integration run in simulated time over loads whose energy is known in closed
form, at another phase in every run, for each kind of meter. The figure is the root mean square of the energy's relative
error over the runs. Cost: the exporter runs as a process over files, at each rate, beside a loop that only sleeps.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # the clock that tests move is measured with

import psutil

from sunward_exporter.discovery import Found
from sunward_exporter.readings import Reading
from sunward_exporter.sampler import Sampler, Settings
from support.meters.exporter import ManualClock, Sysfs
from support.ports import free_port

BUFFER_HERTZ = 1000.0
AVERAGE_SECONDS = 0.1
FAST_HERTZ = 1000.0
"""The paper's rate; simulating it takes long."""
SLEEPER = "import sys, time\nwhile True: time.sleep(1.0 / float(sys.argv[1]))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A power over time, and its integral from 0, both in closed form."""

    name: str
    watts: Callable[[float], float]
    joules: Callable[[float], float]


def pulses(name: str, base: float, height: float, hertz: float, width: float) -> Load:
    """`base` watts, and `height` more for `width` seconds of each period."""

    def joules(t: float) -> float:
        whole, part = divmod(t * hertz, 1.0)
        return base * t + height * (whole * width + min(part / hertz, width))

    return Load(name=name, watts=lambda t: base + height * ((t * hertz) % 1.0 < width * hertz), joules=joules)


def sine(name: str, mean: float, amplitude: float, hertz: float) -> Load:
    """A sine around a mean."""
    omega = 2.0 * math.pi * hertz
    return Load(
        name=name,
        watts=lambda t: mean + amplitude * math.sin(omega * t),
        joules=lambda t: mean * t + amplitude * (1.0 - math.cos(omega * t)) / omega,
    )


LOADS = (
    pulses("square 3/7 W, 13 Hz", 3.0, 4.0, 13.0, 0.5 / 13.0),
    sine("sine 5±2 W, 7.3 Hz", 5.0, 2.0, 7.3),
    pulses("2 ms bursts 3/10 W, 3.7 Hz", 3.0, 7.0, 3.7, 0.002),
    sine("ripple 5±2 W, 50 Hz", 5.0, 2.0, 50.0),
)


@dataclass(slots=True)
class Chip:
    """A simulated meter; `since` and `until` are the ends of the time whose energy was counted."""

    load: Load
    phase: float
    is_point: bool = False
    since: float | None = None
    until: float = 0.0

    def read(self, now: float) -> Reading | None:
        """What it shows now."""
        at = self.moment(now)
        before, first = self.until, self.since is None
        self.since, self.until = (at, at) if self.since is None else (self.since, at)
        return self.shown(before, at, first=first)

    def moment(self, now: float) -> float:
        """Up to when it has measured."""
        return now + self.phase

    def shown(self, before: float, at: float, *, first: bool) -> Reading | None:
        """By default the growth of a counter in microjoules."""
        joules = (round(self.load.joules(at) * 1e6) - round(self.load.joules(before) * 1e6)) / 1e6
        return None if first or at <= before else Reading(watts=joules / (at - before), joules=joules)


class Buffered(Chip):
    """The kernel samples at 1 kHz; each sample is a mean, and the newest whole one is the last."""

    def moment(self, now: float) -> float:
        """The end of the newest sample."""
        return math.floor((now + self.phase) * BUFFER_HERTZ) / BUFFER_HERTZ


class Average(Chip):
    """The mean of the last 100 ms."""

    def shown(self, before: float, at: float, *, first: bool) -> Reading | None:
        """A power without energy."""
        del before, first
        return Reading(watts=(self.load.joules(at) - self.load.joules(at - AVERAGE_SECONDS)) / AVERAGE_SECONDS)


class Point(Chip):
    """One moment."""

    def shown(self, before: float, at: float, *, first: bool) -> Reading | None:
        """A power without energy."""
        del before, first
        return Reading(watts=self.load.watts(at))


METERS: Sequence[tuple[str, type[Chip], float | None]] = (
    ("energy counter, default (10 Hz)", Chip, None),
    ("IIO buffer of 1 kHz, default (10 Hz)", Buffered, None),
    ("average of 100 ms, default (10 Hz)", Average, None),
    ("single moments, default (100 Hz)", Point, None),
    ("single moments, 10 Hz", Point, 10.0),
    ("single moments, 1 kHz, a tenth of the time", Point, FAST_HERTZ),
)


def error(kind: type[Chip], rate_hertz: float | None, load: Load, seconds: float, run: int) -> float:
    """The energy's relative error in one run."""
    random.seed(run)
    chip = kind(load, phase=10.0 + random.random(), is_point=kind is Point)  # no secret
    clock = ManualClock(alarm_at=seconds)
    sampler = Sampler(Settings(rate_hertz=rate_hertz), clock.port())
    sampler.node.offer(Found(source="bench", meter=chip))
    sampler.keep_sampling(sampler.node, clock.alarm)
    channel = sampler.snapshot.node
    if channel is None or chip.since is None:
        raise RuntimeError("the simulated meter was not read")
    return channel.energy.joules / (load.joules(chip.until) - load.joules(chip.since)) - 1.0


def accuracy(seconds: float, runs: int) -> None:
    """The first table."""
    print(f"Energy error in % (root mean square of {runs} runs of {seconds:g} s)\n")
    print("| meter |" + "".join(f" {load.name} |" for load in LOADS))
    print("| --- |" + " --- |" * len(LOADS))
    for name, kind, rate in METERS:
        length = seconds / 10.0 if rate == FAST_HERTZ else seconds
        errors = [[error(kind, rate, load, length, run) for run in range(runs)] for load in LOADS]
        shown = [100.0 * math.sqrt(sum(one * one for one in some) / runs) for some in errors]
        print(f"| {name} |" + "".join(f" {value:.4f} |" for value in shown), flush=True)


@contextlib.contextmanager
def exporter(folder: Path, *flags: str) -> Iterator[psutil.Process]:
    """The exporter as a process over `folder`/sys and `folder`/dev."""
    command = [sys.executable, "-m", "sunward_exporter", f"--sysfs-root={folder / 'sys'}"]
    command += [f"--device-root={folder / 'dev'}", f"--listen=127.0.0.1:{free_port()}", *flags]
    with running(command) as process:
        yield process


@contextlib.contextmanager
def running(command: Sequence[str]) -> Iterator[psutil.Process]:
    """A process, ended at the end."""
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def used_percent(process: psutil.Process, seconds: float) -> float:
    """Processor time in percent of a core, after a start of three seconds."""
    time.sleep(3.0)
    times, began = process.cpu_times(), time.monotonic()
    time.sleep(seconds)
    now = process.cpu_times()
    return 100.0 * (now.user + now.system - times.user - times.system) / (time.monotonic() - began)


def files(folder: Path) -> None:
    """Power, harvest and battery of a node."""
    sysfs = Sysfs(folder / "sys")
    sysfs.node(4.5)
    sysfs.harvest(6.25)
    sysfs.battery(stored_watt_hours=12.0, capacity_watt_hours=20.0)


def buffered_files(folder: Path) -> None:
    """A meter whose buffer runs; its device file is a pipe."""
    device = folder / "sys/bus/iio/devices/iio:device0"
    (device / "buffer").mkdir(parents=True)
    (device / "scan_elements").mkdir()
    (folder / "dev").mkdir()
    contents = {"name": "ina226", "in_power2_raw": "0", "in_power2_scale": "25", "buffer/enable": "1"}
    scan = {"in_power2_en": "1", "in_power2_index": "0", "in_power2_type": "le:u16/16>>0"}
    for name, content in contents.items():
        (device / name).write_text(f"{content}\n")
    for name, content in scan.items():
        (device / "scan_elements" / name).write_text(f"{content}\n")
    os.mkfifo(folder / "dev/iio:device0")


def fill(path: Path, stop: threading.Event) -> None:
    """1000 records a second, in batches of 100."""
    writer = os.open(path, os.O_RDWR)
    while not stop.wait(0.1):
        os.write(writer, bytes((180, 0)) * 100)
    os.close(writer)


def cost(seconds: float) -> None:
    """The second table."""
    print("\n| process | % of a core | a loop that only sleeps, % | MiB |\n| --- | --- | --- | --- |")
    for name, flags in (("default (100 Hz)", ()), ("10 Hz", ("10",)), ("1 kHz", ("1000",))):
        with tempfile.TemporaryDirectory() as folder:
            files(Path(folder))
            with exporter(Path(folder), *(f"--rate-hertz={rate}" for rate in flags)) as process:
                row(name, process, seconds, sleeping(float(next(iter(flags), "100")), seconds))
    with tempfile.TemporaryDirectory() as folder:
        buffered_files(Path(folder))
        stop = threading.Event()
        threading.Thread(target=fill, args=(Path(folder) / "dev/iio:device0", stop), daemon=True).start()
        with exporter(Path(folder)) as process:
            row("1 kHz by an IIO buffer, default", process, seconds, sleeping(10.0, seconds))
        stop.set()


def row(name: str, process: psutil.Process, seconds: float, floor: float) -> None:
    """One line of the second table."""
    used = used_percent(process, seconds)
    print(f"| {name} | {used:.2f} | {floor:.2f} | {process.memory_info().rss / 2**20:.1f} |", flush=True)


def sleeping(rate_hertz: float, seconds: float) -> float:
    """What waking up so often costs, in percent of a core."""
    with running([sys.executable, "-c", SLEEPER, str(rate_hertz)]) as process:
        return used_percent(process, seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Both tables."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--seconds", type=float, default=3600.0, help="simulated seconds of a run")
    flags.add_argument("--runs", type=int, default=5, help="runs of each cell")
    flags.add_argument("--cost-seconds", type=float, default=20.0, help="seconds in which each process is watched")
    chosen = flags.parse_args(arguments)
    accuracy(chosen.seconds, chosen.runs)
    cost(chosen.cost_seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())

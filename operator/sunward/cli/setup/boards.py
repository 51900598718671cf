"""What boards draw, as published by those who measured them. A figure that nobody published is None, never a guess."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One board with its draw idle and with all cores busy, in milliwatts, and where each figure comes from.

    `models` are beginnings of what the device tree or the DMI tables call it, in small letters.
    """

    profile: str
    models: tuple[str, ...]
    idle_milliwatts: int | None
    busy_milliwatts: int | None
    source: str


DRAMBLE = "pidramble.com, power consumption benchmarks: idle, and stress on four cores, at the USB supply"
HPL = "github.com/geerlingguy/top500-benchmark, mean draw at the wall during HPL"
BOARDS = (
    Board(
        profile="rpi3bplus",
        models=("raspberry pi 3 model b plus",),
        idle_milliwatts=1900,
        busy_milliwatts=5100,
        source=DRAMBLE,
    ),
    Board(
        profile="rpi4b",
        models=("raspberry pi 4 model b",),
        idle_milliwatts=2700,
        busy_milliwatts=6400,
        source=DRAMBLE,
    ),
    Board(
        profile="rpi5",
        models=("raspberry pi 5 model b",),
        idle_milliwatts=4500,
        busy_milliwatts=11000,
        source=f"idle: github.com/geerlingguy/pi-isp, issue 6 (4 to 5 W); busy: {HPL}, issue 18",
    ),
    Board(
        profile="rpicm4",
        models=("raspberry pi compute module 4",),
        idle_milliwatts=None,
        busy_milliwatts=5200,
        source=f"busy: {HPL}, issue 33",
    ),
    Board(
        profile="rpizero2w",
        models=("raspberry pi zero 2",),
        idle_milliwatts=600,
        busy_milliwatts=2100,
        source=f"idle: cnx-software.com, 2021-12-09, at the USB supply; busy: {HPL}, issue 26",
    ),
    Board(
        profile="jetson-nano",
        models=("nvidia jetson nano",),
        idle_milliwatts=None,
        busy_milliwatts=10000,
        source="busy: NVIDIA's budget of the module in its default power mode, not a measurement",
    ),
    Board(
        profile="jetson-orin-nano",
        models=("nvidia jetson orin nano",),
        idle_milliwatts=7000,
        busy_milliwatts=19000,
        source="github.com/ID-Robots/clawbox, pull request 277: idle and measured peak of a whole device",
    ),
    Board(
        profile="rock-5b",
        models=("radxa rock 5b", "radxa rock 5 model b"),
        idle_milliwatts=None,
        busy_milliwatts=12000,
        source=f"busy: {HPL}, issue 8",
    ),
    Board(
        profile="n100",
        models=("lattepanda mu",),
        idle_milliwatts=None,
        busy_milliwatts=25000,
        source=f"busy: {HPL}, issue 30 (LattePanda Mu)",
    ),
    Board(
        profile="n5105",
        models=(),
        idle_milliwatts=14000,
        busy_milliwatts=25000,
        source="ora.it.com, n5105-power-consumption: a box with four network ports under a hypervisor",
    ),
    Board(
        profile="nuc",
        models=("asrockindustrial nuc box-255h", "asrock industrial nuc box-255h"),
        idle_milliwatts=12000,
        busy_milliwatts=30000,
        source="Linux Today on the ASRock Industrial NUC BOX-255H, at the wall",
    ),
)
PROFILES = {board.profile: board for board in BOARDS}


def board_of(model: str) -> Board | None:
    """The board of that model, by the longest beginning that fits; None for one that is not in the table."""
    name = " ".join(model.casefold().split())
    fitting = [(len(start), board) for board in BOARDS for start in board.models if name.startswith(start)]
    return max(fitting, key=lambda found: found[0])[1] if fitting else None

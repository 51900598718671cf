"""The NUT feed in front of a real upsd with NUT's own dummy driver."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.meters.feeds import Shown, feed, program, running, until
from support.ports import free_port

UPSD = program("upsd", "/lib/nut", "/usr/lib/nut")  # /usr/sbin has a wrapper that reads /etc
DRIVER = program("dummy-ups", "/lib/nut", "/usr/lib/nut")
pytestmark = pytest.mark.skipif(not (UPSD and DRIVER), reason="no upsd: apt-get install nut-server")

POWER, BATTERY = "sunward_feed_power_watts", "sunward_feed_battery_ratio"


@dataclass(frozen=True, slots=True)
class Supplies:
    """Files of two dummy supplies: one with a meter of its own, one with a load only."""

    folder: Path
    port: int

    def write(self, name: str, **variables: object) -> None:
        """Replace what a supply shows; underscores stand for dots."""
        lines = "".join(f"{key.replace('_', '.')}: {value}\n" for key, value in variables.items())
        (self.folder / f"{name}.dev").write_text(lines)

    @contextlib.contextmanager
    def served(self) -> Iterator[None]:
        """Drivers and upsd."""
        environment = {**os.environ, "NUT_CONFPATH": str(self.folder), "NUT_STATEPATH": str(self.folder)}
        with contextlib.ExitStack() as stack:
            for name in ("own", "load"):
                command = [str(DRIVER), "-a", name, "-u", "root", "-D"]
                stack.enter_context(running(command, env=environment))
                until(lambda name=name: (self.folder / f"dummy-ups-{name}").exists(), bool)  # type: ignore[misc]
            stack.enter_context(running([str(UPSD), "-D", "-u", "root"], self.port, env=environment))
            yield


@pytest.fixture
def supplies(tmp_path: Path) -> Supplies:
    folder = tmp_path / "nut"
    folder.mkdir(mode=0o700)
    made = Supplies(folder, free_port())
    entries = "".join(
        f"[{name}]\n driver = dummy-ups\n port = {name}.dev\n mode = dummy-loop\n" for name in ("own", "load")
    )
    for file, content in {
        "ups.conf": entries,
        "upsd.conf": f"LISTEN 127.0.0.1 {made.port}\n",
        "upsd.users": '[reader]\n password = se\\"cret\n',
        "nut.conf": "MODE=standalone\n",
    }.items():
        (folder / file).write_text(content)
        (folder / file).chmod(0o640)
    made.write("own", battery_charge=83, ups_realpower=12.4, ups_load=90, ups_realpower_nominal=100, ups_status="OL")
    made.write("load", battery_charge="n/a", ups_load=7, ups_realpower_nominal=300, ups_status="OL")
    return made


def has(*keys: tuple[str, ...]) -> Callable[[Shown], bool]:
    return lambda shown: all(key in shown for key in keys)


def test_supplies_show_their_power_and_charge(supplies: Supplies) -> None:
    with supplies.served(), feed("nut", f"--server=127.0.0.1:{supplies.port}", "--poll-seconds=0.2") as show:
        shown = until(show, has((POWER, "own"), (POWER, "load"), (BATTERY, "own")))
    assert isinstance(shown, dict)
    assert shown[POWER, "own"] == pytest.approx(12.4)
    assert shown[POWER, "load"] == pytest.approx(21.0)
    assert shown[BATTERY, "own"] == pytest.approx(0.83)
    assert (BATTERY, "load") not in shown
    assert shown["sunward_feed_errors_total", "load", "NotANumber"] >= 1.0


def test_a_server_that_goes_away_leaves_no_value_and_is_found_again(supplies: Supplies) -> None:
    with feed("nut", f"--server=127.0.0.1:{supplies.port}", "--poll-seconds=0.2", "--fresh-seconds=1") as show:
        with supplies.served():
            until(show, has((POWER, "own")))
        until(show, lambda shown: (POWER, "own") not in shown)
        with supplies.served():
            until(show, has((POWER, "own")))

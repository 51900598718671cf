"""The Raspberry Pi 5's power chip, by the text that its firmware gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from sunward_exporter.discovery import Choice, Found, Places, discover
from sunward_exporter.pmic import Pmic, outputs_watts
from sunward_exporter.readings import Reading, Refusal
from support.meters.exporter import Sysfs

TEXT = """\
   3V7_WL_SW_A current(0)=0.09759000A
   3V3_SYS_A current(1)=0.07617900A
   1V8_SYS_A current(2)=0.19518000A
   VDD_CORE_A current(7)=1.47900000A
   3V7_WL_SW_V volt(8)=3.66899600V
   3V3_SYS_V volt(9)=3.31559000V
   1V8_SYS_V volt(10)=1.80146000V
   VDD_CORE_V volt(15)=0.74703830V
   EXT5V_V volt(24)=5.15184000V
   BATT_V volt(25)=0.00195360V
"""
OUTPUTS = 0.09759 * 3.668996 + 0.076179 * 3.31559 + 0.19518 * 1.80146 + 1.479 * 0.7470383


def refused(error: OSError) -> Pmic:
    def text() -> str:
        raise error

    return Pmic(text=text)


def test_the_outputs_are_added_and_the_losses_fitted() -> None:
    assert outputs_watts(TEXT) == pytest.approx(OUTPUTS)
    assert Pmic(text=lambda: TEXT).read(0.0) == Reading(watts=pytest.approx(1.1451 * OUTPUTS + 0.5879))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Refusal.NOT_A_NUMBER),
        ('error=1 error_msg="Command not registered"', Refusal.NOT_A_NUMBER),
        (TEXT + "VDD_X_A current(30)=nanA\n", Refusal.NOT_A_NUMBER),
        (TEXT.replace("   VDD_CORE_V volt(15)=0.74703830V\n", ""), Refusal.DATA_MISSING),
        ("EXT5V_V volt(24)=5.15184000V\n", Refusal.DATA_MISSING),
    ],
)
def test_a_text_in_part_or_of_another_form_is_no_power(text: str, reason: Refusal) -> None:
    assert Pmic(text=lambda: text).read(0.0) is reason


@pytest.mark.parametrize(
    ("error", "reason"), [(PermissionError(), Refusal.PERMISSION_DENIED), (OSError(), Refusal.UNREADABLE)]
)
def test_a_firmware_that_cannot_be_asked_is_a_reason(error: OSError, reason: Refusal) -> None:
    assert refused(error).read(0.0) is reason


def test_it_is_used_where_there_is_no_meter(tmp_path: Path) -> None:
    device = tmp_path / "vcio"
    device.touch()
    places = Places(root=tmp_path / "sys", firmware=device)
    found = discover(places, Choice()).node
    assert isinstance(found, Found)
    assert found.source == "pmic"
    assert found.meter.read(0.0) is Refusal.UNREADABLE  # a file is no firmware
    Sysfs(places.root).node(4.0)
    measured = discover(places, Choice()).node
    assert isinstance(measured, Found)
    assert measured.source == "sunward_node"

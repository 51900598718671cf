"""systemd-logind over a real system bus: what is asked of it, and everything that it and the bus may answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sunward_power_agent.host import HostError, Logind, boot_id
from support.agent.bus import logind_on, running_bus

DENIES = '<deny send_interface="org.freedesktop.login1.Manager" send_member="PowerOff"/>'


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_bus(tmp_path_factory.mktemp("bus")) as found:
        yield found


async def test_the_host_is_asked_without_interaction(address: str) -> None:
    async with logind_on(address) as logind:
        assert await Logind(address).can_power_off() is None
        await Logind(address).power_off()
    assert logind.asked == [("CanPowerOff", []), ("PowerOff", [False])]


@pytest.mark.parametrize("answer", ["no", "na", "challenge", ""])
async def test_anything_but_yes_is_no(address: str, answer: str) -> None:
    async with logind_on(address) as logind:
        logind.can = answer
        assert f"'{answer}'" in str(await Logind(address).can_power_off())


async def test_a_refusal_is_told(address: str) -> None:
    async with logind_on(address) as logind:
        logind.refuses = "Operation inhibited by someone"
        with pytest.raises(HostError, match="AccessDenied: Operation inhibited by someone"):
            await Logind(address).power_off()


async def test_a_host_that_hangs_is_given_up(address: str) -> None:
    async with logind_on(address) as logind:
        logind.hangs = True
        with pytest.raises(HostError, match="did not answer in time"):
            await Logind(address, timeout_seconds=0.2).power_off()
        assert "did not answer in time" in str(await Logind(address, timeout_seconds=0.2).can_power_off())


async def test_a_bus_without_logind_is_told(address: str) -> None:
    assert "CanPowerOff" in str(await Logind(address).can_power_off())
    with pytest.raises(HostError, match="DBus"):
        await Logind(address).power_off()


async def test_a_bus_that_forbids_it_is_told(tmp_path: Path) -> None:
    with running_bus(tmp_path, DENIES) as strict:
        async with logind_on(strict) as logind:
            with pytest.raises(HostError, match="AccessDenied"):
                await Logind(strict).power_off()
        assert logind.asked == []


async def test_a_bus_that_is_not_there_is_told(tmp_path: Path) -> None:
    gone = Logind(f"unix:path={tmp_path / 'nothing'}")
    assert "CanPowerOff: " in str(await gone.can_power_off())
    with pytest.raises(HostError, match="PowerOff: "):
        await gone.power_off()


async def test_a_socket_that_speaks_no_dbus_is_told(tmp_path: Path) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 50)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    path = tmp_path / "web"
    server = await asyncio.start_unix_server(nonsense, path)
    async with server:
        assert await Logind(f"unix:path={path}", timeout_seconds=1.0).can_power_off() is not None


def test_the_boot_is_the_kernels_own_name_for_it(tmp_path: Path) -> None:
    assert len(boot_id()) == 36
    with pytest.raises(OSError, match="nothing"):
        boot_id(tmp_path / "nothing")


async def test_a_bus_that_never_answers_leaves_no_connection_behind(tmp_path: Path) -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    path = tmp_path / "silent"
    server = await asyncio.start_unix_server(silence, path)
    async with server:
        host = Logind(f"unix:path={path}", timeout_seconds=0.05)
        open_before = psutil.Process().num_fds()
        for _ in range(5):
            assert "did not answer in time" in str(await host.can_power_off())
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        assert psutil.Process().num_fds() <= open_before + 2

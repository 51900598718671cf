"""The page in a real Chromium, on recorded states: no violation of axe or of the policy, and it answers questions."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Page, async_playwright

from sunward.web.page import application
from support.page import recorded

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
CHROMIUM = "/usr/bin/chromium"
AXE = ROOT / "page/node_modules/axe-core/axe.min.js"
PANES = ("now", "plan", "jobs", "acts")
PHONE, DESK = 390, 1200


@asynccontextmanager
async def opened(
    source: recorded.Recorded, *, width: int = DESK, dark: bool = False, token: str = "t"
) -> AsyncIterator[tuple[Page, list[str]]]:
    """The page of a source, and the list into which errors and violations of the policy go."""
    complaints: list[str] = []
    async with TestServer(application(source, "t")) as server, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", timezone_id="UTC"
        )
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{server.make_url('/')}#{token}")
        yield page, complaints
        await browser.close()


async def open_pane(page: Page, pane: str) -> None:
    await page.click(f"nav a[data-pane={pane}]")
    await page.wait_for_selector(f"nav a[data-pane={pane}][aria-current]")


async def axe(page: Page) -> list[str]:
    """What axe finds wrong. It is evaluated, not put into the page, whose policy would refuse it."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    found = await page.evaluate("axe.run()")
    return [
        f"{one['id']}: {one['nodes'][0]['html']} {one['nodes'][0]['failureSummary']}" for one in found["violations"]
    ]


@pytest.mark.parametrize("name", recorded.STATES)
@pytest.mark.parametrize(("width", "dark"), [(DESK, False), (PHONE, True)])
async def test_every_pane_of_every_state_is_clean(name: str, width: int, dark: bool) -> None:
    async with opened(recorded.Recorded(recorded.STATES[name]()), width=width, dark=dark) as (page, complaints):
        await page.wait_for_selector("text=/as of/")
        for pane in PANES:
            await open_pane(page, pane)
            assert await axe(page) == []
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            if folder := os.environ.get("SUNWARD_PICTURES"):
                await page.screenshot(path=f"{folder}/{name}-{pane}-{width}.png")
        assert complaints == []


async def test_a_person_sees_which_node_sleeps_why_and_what_was_saved() -> None:
    async with opened(recorded.Recorded(recorded.asleep())) as (page, _):
        card = page.locator(".card", has_text="pi-03")
        assert "asleep" in await card.inner_text()
        assert "Wakes at" in await card.inner_text()
        assert "0.25 g less" in await page.locator(".figures").inner_text()
        assert "Kept awake only by media/player" in await page.locator(".card", has_text="pi-04").inner_text()


async def test_a_meter_that_dies_is_shown_without_a_reload() -> None:
    source = recorded.Recorded(recorded.asleep())
    async with opened(source) as (page, _):
        await page.wait_for_selector(".card")
        source.state = recorded.degraded()
        await page.wait_for_selector("text=last sample 240 s ago")
        assert "unknown" in await page.locator(".card", has_text="pi-01").locator(".readings").inner_text()


async def test_the_keyboard_reaches_a_lane_and_keeps_it_over_a_redraw() -> None:
    async with opened(recorded.Recorded(recorded.asleep())) as (page, _):
        await open_pane(page, "plan")
        await page.focus(".lanes li:nth-child(3) button")
        await page.keyboard.press("Enter")
        assert "no work until 12:35" in await page.locator(".detail").inner_text()
        before = await page.inner_text("#connection")
        await page.wait_for_function("text => document.getElementById('connection').textContent !== text", arg=before)
        focused = await page.evaluate("document.activeElement.textContent")
        assert "pi-03" in focused


async def test_a_wrong_token_is_explained() -> None:
    async with opened(recorded.Recorded(recorded.asleep()), token="wrong") as (page, _):
        await page.wait_for_selector("text=Open the address that sunward dashboard prints")
        assert await page.locator(".card").count() == 0


async def test_names_from_the_cluster_never_become_markup() -> None:
    source = recorded.Recorded(recorded.asleep())
    source.state.nodes[0]["status"]["lastTransition"]["message"] = "<img src=x onerror=alert(1)>"  # type: ignore[index]
    async with opened(source) as (page, complaints):
        await page.wait_for_selector("text=<img src=x")
        assert (await page.locator("main img").count(), complaints) == (0, [])


async def test_a_lost_connection_is_said_and_the_old_state_stays() -> None:
    async with opened(recorded.Recorded(recorded.asleep())) as (page, _):
        await page.wait_for_selector(".card")
        await page.route("**/api/events", lambda route: route.abort())
        await page.evaluate("location.reload()")
        await page.wait_for_selector("text=cannot be reached")


async def test_axe_and_the_policy_would_complain() -> None:
    async with opened(recorded.Recorded(recorded.asleep())) as (page, complaints):
        await page.wait_for_selector(".card")
        await page.evaluate("document.body.append(document.createElement('img'))")
        assert any(found.startswith("image-alt") for found in await axe(page))
        await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color:red\">x</p>')")
        assert any("Content Security Policy" in found for found in complaints)


def test_the_files_that_are_kept_are_what_the_sources_build(tmp_path: Path) -> None:
    build = ["npm", "run", "--silent", "build"]
    subprocess.run(build, cwd=ROOT / "page", env={**os.environ, "OUT": str(tmp_path)}, check=True, capture_output=True)
    kept = ROOT / "operator/sunward/web/static"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        path.name: path.read_bytes() for path in kept.iterdir()
    }

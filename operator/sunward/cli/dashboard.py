"""`sunward dashboard`: the page in a browser, read with the kubeconfig's own identity."""

from __future__ import annotations

import asyncio
import secrets
import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer

from sunward.cli.clusterio import Kubeconfig, check_name, with_api
from sunward.domain.errors import SunwardError

if TYPE_CHECKING:
    from sunward.cluster.access.api import KubernetesApi

ADDRESS = "127.0.0.1"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("dashboard")(dashboard)


def dashboard(
    port: Annotated[int, typer.Option(help="Port on this machine; 0 for any free one.", min=0, max=65535)] = 0,
    namespace: Annotated[
        list[str] | None,
        typer.Option("--namespace", "-n", help="Show the jobs of this namespace only; may be repeated."),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    kubeconfig: Kubeconfig = "",
) -> None:
    """Show nodes, plan and jobs with their reasons on one page, until Ctrl-C. Only this machine can open it."""
    for name in namespace or ():
        check_name(name, "--namespace")
    with_api(kubeconfig, lambda api: serve(api, port, namespace or [], open_browser=browser))


async def serve(api: KubernetesApi, port: int, namespaces: list[str], *, open_browser: bool) -> None:
    """Serve the page until the command is ended. Raises SunwardError where the port is taken."""
    from aiohttp import web

    from sunward.web.page import application
    from sunward.web.reader import Reader

    token = secrets.token_urlsafe(24)
    runner = web.AppRunner(application(Reader(api, namespaces), token), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, ADDRESS, port).start()
        url = f"http://{ADDRESS}:{runner.addresses[0][1]}/#{token}"
        typer.echo(f"the page is at {url}\nCtrl-C ends it")
        if open_browser:
            await asyncio.to_thread(webbrowser.open, url)
        await asyncio.Event().wait()
    except OSError as error:
        raise SunwardError(f"cannot listen on {ADDRESS}:{port}: {error.strerror or error}") from error
    finally:
        await runner.cleanup()

"""`sunward explain NODE|JOB`: why it is as it is, from the plan in force and the object's own status."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sunward.cli.clusterio import Kubeconfig, with_api
from sunward.cli.explaining.job_account import FIGURES, account_lines
from sunward.cli.explaining.reason import rows_of
from sunward.cli.output import Output, print_data
from sunward.domain.errors import InvalidInput
from sunward.domain.reasons import Reason
from sunward.domain.units import HOURS_PER_DAY

if TYPE_CHECKING:
    from sunward.cluster.access.api import KubernetesApi

Body = dict[str, Any]
ADVICE = ("what to do", "what to check")
"""Columns of the operations page that say what a person can do."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    subject: Annotated[str, typer.Argument(help="Name of an EnergyNode, or of a TrainingJob as [NAMESPACE/]NAME.")],
    kubeconfig: Kubeconfig = "",
    output: Annotated[Output, typer.Option("--output", "-o", help="table, json or yaml.")] = Output.TABLE,
) -> None:
    """Explain a node or a job: its state, blockers, and the decisions about it."""
    data = with_api(kubeconfig, lambda api: read(api, subject))
    if output is not Output.TABLE:
        print_data(data, output)
        return
    for line in lines(data):
        typer.echo(line)


async def read(api: KubernetesApi, subject: str) -> Body:
    """The object and the newest plan's decisions about it. Raises InvalidInput for an unknown name."""
    from sunward.cluster.access.api import ours

    key, body = _found(subject, await api.list(ours("energynodes")), await api.list(ours("trainingjobs")))
    plans = await api.list(ours("energyplans"))
    return _answer(key, body, max(plans, key=lambda plan: str(plan["metadata"]["name"]), default={}))


def _found(subject: str, nodes: Iterable[Body], jobs: Iterable[Body]) -> tuple[str, Body]:
    """The object of that name and its full name. A node wins over a job; without a namespace a job is in `default`."""
    by_name = {body["metadata"]["name"]: body for body in nodes}
    by_key = {f"{body['metadata']['namespace']}/{body['metadata']['name']}": body for body in jobs}
    key = subject if subject in by_name or "/" in subject else f"default/{subject}"
    body = by_name.get(key) or by_key.get(key)
    if body is None:
        known = ", ".join([*sorted(by_name), *sorted(by_key)]) or "none"
        raise InvalidInput(subject, f"is neither an EnergyNode nor a TrainingJob; known: {known}")
    return key, body


def _answer(key: str, body: Body, plan: Body) -> Body:
    """What is said of an object: its own state, and what the plan (empty without one) decided about it."""
    own, planned = body.get("status") or {}, plan.get("status") or {}
    decisions = planned.get("decisions") or ()
    return {
        "kind": body["kind"],
        "name": key,
        "state": own.get("powerState"),
        "conditions": own.get("conditions") or [],
        "operation": own.get("operation"),
        "lastTransition": own.get("lastTransition"),
        "pinnedBy": own.get("pinnedBy") or [],
        "pinnedMilligramsCO2ePerHour": own.get("pinnedMilligramsCO2ePerHour"),
        "pinnedNodes": own.get("pinnedNodes") or [],
        "plan": plan.get("metadata", {}).get("name"),
        "decisions": [one for one in decisions if key == one["subject"] or key in one.get("message", "")],
        "emissions": planned.get("emissions") or {},
        "account": {name: own[name] for name in FIGURES if name in own},
    }


def lines(data: Body) -> list[str]:
    """The answer for people."""
    text = [f"{data['kind']} {data['name']}" + (f" is {data['state']}" if data["state"] else "")]
    transition = data.get("lastTransition") or {}
    if transition:
        text.append(f"  last change {transition.get('time')}: {transition.get('reason')}. {transition.get('message')}")
    text += [
        f"  {c['type']:16} {c['status']:8} {c['reason']}{': ' + c['message'] if c.get('message') else ''}"
        for c in data["conditions"]
    ]
    text += advice_lines(data)
    text += pin_lines(data)
    text += account_lines({**data["account"], "conditions": data["conditions"]})
    text.append(f"plan {data['plan']}" if data["plan"] else "no plan yet")
    text += [f"  {d['kind']}: {d.get('message') or d['reason']} ({d['reason']})" for d in data["decisions"]]
    if data["emissions"]:
        parts = ", ".join(f"{mode} {grams / 1000:.3f} mg" for mode, grams in data["emissions"].items())
        text.append(f"  over the horizon: {parts}")
    return text


def advice_lines(data: Body) -> list[str]:
    """What would free a node that is kept awake, where something does: the rows of the operations page."""
    obstacles = [c["reason"] for c in data["conditions"] if c["type"] == "Sleepable" and c["status"] == "False"]
    found = []
    for reason in obstacles:
        rows = rows_of(reason) if reason in Reason._value2member_map_ else ()
        found += [f"  {column}: {row[column]}" for row in rows for column in ADVICE if column in row][:1]
    return found


def _cost(milligrams_per_hour: int) -> str:
    per_day = milligrams_per_hour * HOURS_PER_DAY / 1000
    return f"{milligrams_per_hour} mg CO2e an hour, {per_day:.1f} g CO2e a day at the present intensity"


def pin_lines(data: Body) -> list[str]:
    """Who keeps a node awake that would sleep otherwise, and at what cost; or which nodes a job keeps awake."""
    if data["pinnedNodes"]:
        return [f"  keeps awake: {', '.join(data['pinnedNodes'])}"]
    if not data["pinnedBy"]:
        return []
    rate = data["pinnedMilligramsCO2ePerHour"]
    cost = "an unknown amount, because its grid intensity is not known" if rate is None else _cost(rate)
    holders = ", ".join(f"{pin['holder']} ({pin['reason']})" for pin in data["pinnedBy"])
    return [f"  kept awake only by: {holders}", f"  that costs {cost}"]

"""`sunward advise REQUEST`: what would a plan emit if ...; a sentence becomes a problem and its optimum."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer

from sunward.cli.numbers import not_nan
from sunward.cli.output import Output, print_data, print_table, shown
from sunward.cli.plan import LONGEST_TIME_LIMIT, read_problem
from sunward.domain.errors import InvalidInput
from sunward.settings.documents import one_line

if TYPE_CHECKING:
    from sunward.advisor.account import Meter
    from sunward.advisor.answer import Advice
    from sunward.advisor.chat import Conversation
    from sunward.advisor.repository import Repository
    from sunward.advisor.request.types import Base
    from sunward.advisor.solving import Solve
    from sunward.optimisation.problem.instance import Problem
    from sunward.optimisation.process.guarded import GuardedSolver

Kept = TypeVar("Kept")
LONGEST_LINE = 1 << 16
"""Characters of a line of standard input that are read; the parser reads no more of a request anyway."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("advise")(advise)


def advise(
    request: Annotated[
        str,
        typer.Argument(
            metavar="[REQUEST]", help="What should be different, in a sentence; - reads one request per line."
        ),
    ] = "",
    problem_file: Annotated[str, typer.Option("--problem", help="The base: a planning problem as JSON.")] = "",
    manifests: Annotated[
        list[Path] | None,
        typer.Option("--filename", "-f", help="The base from manifests: YAML file or folder; may be repeated."),
    ] = None,
    intensity: Annotated[
        list[str] | None, typer.Option(help="With -f: grid intensity as ZONE=GRAMS per kilowatt-hour; may be repeated.")
    ] = None,
    harvest: Annotated[list[str] | None, typer.Option(help="With -f: harvest as NODE=WATTS; may be repeated.")] = None,
    start: Annotated[str, typer.Option(help="Beginning of period 1 as an ISO time. Default: now.")] = "",
    timezone: Annotated[
        str,
        typer.Option(
            help="Time zone of the times in requests, for example Europe/Berlin. Default: that of --start, else UTC."
        ),
    ] = "",
    zone: Annotated[
        str,
        typer.Option(
            help="Grid zone of the base in which this machine runs, for the emissions of the answer. Default: unknown."
        ),
    ] = "",
    chat: Annotated[
        bool,
        typer.Option(
            "--chat",
            help="Read turns from standard input, each added to the accepted; undo, why, changes, reset are commands.",
        ),
    ] = False,
    repository: Annotated[
        str,
        typer.Option(help="File in which solved answers are remembered; similar ones are listed. Default: none."),
    ] = "",
    forget: Annotated[bool, typer.Option("--forget", help="Empty the file of --repository first.")] = False,
    time_limit: Annotated[
        float,
        typer.Option(
            min=0.01, max=LONGEST_TIME_LIMIT, callback=not_nan, help="Time limit of the solver per problem, in seconds."
        ),
    ] = 60.0,
    output: Annotated[Output, typer.Option("--output", "-o", help="table, json or yaml.")] = Output.TABLE,
) -> None:
    """Compute what a plan would emit under other deadlines, nodes, batteries, sun, grids or limits. Changes nothing.

    Exit status 1 if the request is infeasible, asked back or refused, 2 if a file or an option is invalid.
    """
    from sunward.advisor.request.types import Base
    from sunward.optimisation.process.guarded import GuardedSolver

    with closing(_Memory(repository, forget=forget)) as memory:
        if forget and not request and not chat:
            return
        if bool(request) == chat:
            raise InvalidInput("REQUEST", "give a request, - for requests on standard input, or --chat")
        base = Base(problem=_base(problem_file, manifests, intensity, harvest), start=started(start, timezone))
        with GuardedSolver() as guarded:
            solve = partial(guarded.solve, solver="exact", time_limit_seconds=time_limit)
            advisor = _Advisor(base, solve, guarded, zone, output, memory)
            several = request == "-"
            done = advisor.chat() if chat else advisor.answer(_lines() if several else [request], several=several)
    if not done:
        raise typer.Exit(1)


def _base(
    problem_file: str, manifests: list[Path] | None, intensity: list[str] | None, harvest: list[str] | None
) -> Problem:
    if bool(problem_file) == bool(manifests):
        raise InvalidInput("--problem", "give the base as --problem FILE or as manifests with -f")
    if problem_file:
        return read_problem(problem_file, "")
    from sunward.cli.manifests import figures, problem_of

    return problem_of(manifests or [], figures(intensity or (), "--intensity"), figures(harvest or (), "--harvest"))


def started(start: str, timezone: str) -> datetime:
    """The beginning of period 1 in the time zone of the requests. Raises InvalidInput that names the option."""
    try:
        zone = ZoneInfo(timezone) if timezone else None
    except (KeyError, ValueError, OSError):
        raise InvalidInput(
            "--timezone", f"{one_line(timezone, 60)!r} is no time zone; use a name such as Europe/Berlin"
        ) from None
    if not start:
        return datetime.now(UTC).astimezone(zone or UTC)
    try:
        moment = datetime.fromisoformat(start)
    except ValueError:
        raise InvalidInput(
            "--start", f"{one_line(start, 60)!r} is no ISO time; use 2026-11-30T06:00:00+01:00"
        ) from None
    if moment.tzinfo is None:
        if zone is None:
            raise InvalidInput("--start", "has no offset; add one, for example +01:00, or give --timezone")
        return moment.replace(tzinfo=zone)
    return moment.astimezone(zone) if zone is not None else moment


def _lines() -> Iterator[str]:
    while line := sys.stdin.readline(LONGEST_LINE):
        if line.strip():
            yield line.strip()


class _Memory:
    """The repository that was named, if any. Raises InvalidInput where its file cannot be used."""

    def __init__(self, path: str, *, forget: bool) -> None:
        if forget and not path:
            raise InvalidInput("--forget", "needs --repository FILE, whose answers are to be forgotten")
        self._path = path
        self._file: Repository | None = None
        if path:
            from sunward.advisor.repository import Repository

            self._file = self._kept(lambda: Repository(path))
        if forget and self._file is not None:
            count = self._kept(self._file.forget)
            typer.echo(f"{count} answers forgotten", err=True)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def with_similar(self, request: str, answer: Advice, base: Base) -> Advice:
        """The answer with similar requests that were solved before; it is remembered for later ones."""
        file = self._file
        if file is None:
            return answer
        found = self._kept(lambda: file.recall(request))
        self._kept(lambda: file.remember(request, base, answer))
        return replace(answer, similar=tuple(one.as_data() for one in found))

    def _kept(self, do: Callable[[], Kept]) -> Kept:
        try:
            return do()
        except sqlite3.Error as error:
            raise InvalidInput(f"--repository {one_line(self._path, 60)}", f"cannot be used: {error}") from None


class _Advisor:
    """Answers requests on one base with one solver process."""

    def __init__(
        self, base: Base, solve: Solve, guarded: GuardedSolver, zone: str, output: Output, memory: _Memory
    ) -> None:
        self._base, self._solve, self._guarded, self._output = base, solve, guarded, output
        self._memory = memory
        self._intensity = self._of_zone(zone)

    def answer(self, requests: Iterable[str], *, several: bool) -> bool:
        """Print an answer to each request; whether all were solved."""
        from sunward.advisor.advise import advise as ask

        done = True
        for request in requests:
            advice = self._memory.with_similar(
                request, ask(request, self._base, self._solve, self._meter()), self._base
            )
            done &= self._print(advice, one_line_each=several)
        return done

    def chat(self) -> bool:
        """Answer turn after turn until the input ends; whether the last answer was solved."""
        from sunward.advisor.chat import Conversation

        conversation = Conversation(self._base, self._solve)
        done = True
        for line in _lines():
            done = self._turn(conversation, line, done)
        return done

    def _turn(self, conversation: Conversation, line: str, done: bool) -> bool:
        said = conversation.say(line, self._meter())
        if not isinstance(said, str):
            return self._print(self._memory.with_similar(line, said, self._base), one_line_each=True)
        typer.echo(json.dumps({"text": said}) if self._output is Output.JSON else shown(said))
        return done

    def _meter(self) -> Meter:
        from sunward.advisor.account import Meter

        return Meter(cpu_seconds=self._cpu_seconds, intensity_grams_per_kilowatt_hour=self._intensity)

    def _cpu_seconds(self) -> float:
        """Of this process, of children that ended, and of the solver process that runs."""
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(usage.ru_utime + usage.ru_stime for usage in used) + _cpu_of(self._guarded.process_id)

    def _of_zone(self, zone: str) -> float | None:
        intensities = self._base.problem.intensity_grams_per_kilowatt_hour
        if zone and zone not in intensities:
            raise InvalidInput(
                "--zone", f"the base has no grid zone {one_line(zone, 60)}; it has {', '.join(intensities)}"
            )
        return intensities[zone][0] if zone else None

    def _print(self, advice: Advice, *, one_line_each: bool) -> bool:
        if self._output is Output.JSON and one_line_each:
            print(json.dumps(advice.as_data()), flush=True)
        elif self._output is not Output.TABLE:
            print_data(advice.as_data(), self._output)
        else:
            _print_table(advice)
        return advice.status == "solved"


def _cpu_of(process: int | None) -> float:
    """Processor seconds of a running process where the kernel shows them, else 0: they count when it ends."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _print_table(advice: Advice) -> None:
    data = advice.as_data()
    code = f" ({data['code']})" if data["code"] else ""
    typer.echo(shown(f"{data['status']}{code}: {advice.text}"))
    if data["choices"]:
        typer.echo(shown(f"choices: {', '.join(data['choices'])}"))
    rows = [(row["path"], row["from"], row["to"], row["because"]) for row in data["changes"]]
    if rows:
        print_table("changes", ("path", "from", "to", "because"), rows)
    for warning in data["warnings"]:
        typer.echo(shown(f"warning: {warning}"))

"""What settled periods add to a job: its life cycle in stages, and its part of the machines' manufacture."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sunward.accounting.ledger import close
from sunward.accounting.values import Period
from sunward.cluster.access.api import ApiError, ours
from sunward.cluster.containment import Containment
from sunward.cluster.settling.job_accounts import Settled, account_jobs, accounts
from sunward.cluster.settling.work_memory import WorkMemory
from sunward.domain.jobs import JobView
from support.accounting import DIRTY, node_period
from support.loop.store import Store
from support.planning import NOW, a_job, a_node, a_snapshot, an_assignment, some_progress
from support.store_api import StoreApi

HOUR = timedelta(hours=1)
KEY = "default/mnist"
WAITING = some_progress(phase="waiting", workers=())
TRAINING = some_progress(phase="training", workers=("pi-01",))


class Accounts:
    """One job at home on one node, period after period."""

    def __init__(self) -> None:
        self.store, self.memory, self.hours = Store(), WorkMemory(), 0
        self.containment = Containment(lambda: NOW, lambda *_: None)
        metadata = {"name": "mnist", "uid": a_job().spec.uid}
        self.store.create(ours("trainingjobs", namespace="default"), {"metadata": metadata, "spec": {}})

    async def add(self, *, load: float = 1.0, made: float | None = 0.5, **job: Any) -> dict[str, Any]:
        """The job's status after an hour of which it looked so at the middle; `made` are embodied grams per hour."""
        start = NOW + self.hours * HOUR
        self.hours += 1
        self.memory.remember(a_snapshot(jobs=[self.job(**job)], taken_at=start + HOUR / 2))
        node = node_period("pi-01", load=load, reserved_hours=1.0, embodied_grams_per_hour=made)
        period = Period(start=start, end=start + HOUR)
        books = Settled(
            ledger=close(period, [node], factors=[DIRTY]),
            transfers=(),
            baseline_grams={"pi-01": load},
            intensities={"dirty": DIRTY.grams_per_kilowatt_hour},
        )
        snapshot = a_snapshot(a_node("pi-01"), jobs=[self.job(**job)])
        opened = accounts(self.memory, period, snapshot, books)
        assert await account_jobs(StoreApi(self.store), self.memory, opened, self.containment)
        status: dict[str, Any] = self.store.get(ours("trainingjobs", "mnist", namespace="default"))["status"]
        return status

    @staticmethod
    def job(**changes: Any) -> JobView:
        """The job as a cycle sees it."""
        rows = (an_assignment(KEY, "shard-pi-01", "pi-01", "pi-01"),)
        return a_job(homes=("pi-01",), assignments=rows, **changes)


def stages(status: dict[str, Any]) -> dict[str, int]:
    """Energy of the stages in milliwatt-hours."""
    return {row["name"]: row["energyMicrowattHours"] // 1000 for row in status["stages"]}


async def test_what_comes_before_the_first_round_is_preparation_and_the_rest_development() -> None:
    accounts = Accounts()
    await accounts.add(load=1.0, progress=WAITING)
    await accounts.add(load=2.0, progress=TRAINING)
    status = await accounts.add(load=4.0, progress=WAITING, last_round=3)
    assert stages(status) == {"Preparation": 1000, "Development": 6000, "Application": 0, "Recycling": 0}
    assert sum(row["energyMicrowattHours"] for row in status["stages"]) == status["energyMicrowattHours"]
    assert sum(row["emissionsMicrogramsCO2e"] for row in status["stages"]) == status["emissionsMicrogramsCO2e"]


async def test_an_operator_that_starts_anew_knows_that_a_job_has_begun() -> None:
    accounts = Accounts()
    status = await accounts.add(progress=WAITING, last_round=7)
    assert stages(status)["Development"] == 1000
    accounts.memory = WorkMemory()
    status = await accounts.add(progress=WAITING)
    assert stages(status)["Development"] == 2000, "a job that has developed does not prepare again"


async def test_the_part_of_the_making_adds_up() -> None:
    accounts = Accounts()
    await accounts.add(made=0.5)
    status = await accounts.add(made=0.5)
    assert status["embodiedMicrogramsCO2e"] == 1_000_000


async def test_a_sum_of_the_making_that_lacks_one_period_is_not_given_any_more() -> None:
    accounts = Accounts()
    await accounts.add(made=0.5)
    assert "embodiedMicrogramsCO2e" not in await accounts.add(made=None)
    assert "embodiedMicrogramsCO2e" not in await accounts.add(made=0.5)


class Refusing(StoreApi):
    """Counts what is written, and refuses the status of one job."""

    def __init__(self, store: Store, refused: str = "", status: int = 0) -> None:
        super().__init__(store)
        self.written: list[str] = []
        self.refused, self.status = refused, status

    async def patch(self, path: str, body: Any) -> Any:
        name = path.split("/")[-2]
        if name == self.refused:
            raise ApiError(self.status, "PATCH", path, "no")
        self.written.append(name)
        return await super().patch(path, body)


def three_jobs() -> tuple[Store, Any]:
    """A period of three jobs that did nothing yet, and the server that they are on."""
    store, jobs = Store(), [a_job(name) for name in ("a", "b", "c")]
    for job in jobs:
        metadata = {"name": job.spec.name, "uid": job.spec.uid}
        store.create(ours("trainingjobs", namespace="default"), {"metadata": metadata, "spec": {}})
    period = Period(start=NOW, end=NOW + HOUR)
    ledger = close(period, [node_period("pi-01", load=1.0, reserved_hours=1.0)], factors=[DIRTY])
    books = Settled(ledger=ledger, transfers=(), baseline_grams={"pi-01": 1.0}, intensities={})
    return store, accounts(WorkMemory(), period, a_snapshot(a_node("pi-01"), jobs=jobs), books)


async def test_accounts_of_many_jobs_are_written_in_several_passes_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sunward.cluster.settling.job_accounts.JOBS_SECONDS", 0.0)
    store, opened = three_jobs()
    api, held = Refusing(store), Containment(lambda: NOW, lambda *_: None)
    done = [await account_jobs(api, WorkMemory(), opened, held) for _ in range(3)]
    assert (done, api.written) == ([False, False, True], ["a", "b", "c"])


async def test_a_job_whose_account_is_refused_is_left_out_and_the_others_have_theirs() -> None:
    store, opened = three_jobs()
    api, held = Refusing(store, "b", 422), Containment(lambda: NOW, lambda *_: None)
    assert await account_jobs(api, WorkMemory(), opened, held)
    assert api.written == ["a", "c"]
    assert [str(failure.subject) for failure in held.failing()] == ["TrainingJob default/b"]


async def test_a_job_whose_account_may_be_written_later_is_tried_again_alone() -> None:
    store, opened = three_jobs()
    api, held = Refusing(store, "b", 503), Containment(lambda: NOW, lambda *_: None)
    with pytest.raises(ApiError):
        await account_jobs(api, WorkMemory(), opened, held)
    api.refused = ""
    assert await account_jobs(api, WorkMemory(), opened, held)
    assert api.written == ["a", "c", "b"]

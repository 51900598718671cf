"""I8 to I14 and I16: rhythm, jobs, books, quiet and secrets."""

from __future__ import annotations

import pytest

from support.audit_traces import Body, Trace, at, settlement, with_journal


@pytest.mark.parametrize(("pause", "broken"), [(597, ["sleeps too soon after its last transition"]), (600, [])])
def test_i8_dwell(pause: float, broken: list[str]) -> None:
    trace = Trace("I8").state("pi-3", "Awake").wait(pause).state("pi-3", "Cordoned")
    assert trace.broken == broken


@pytest.mark.parametrize(("pause", "broken"), [(1700, ["sleeps too soon after its wake"]), (1801, [])])
def test_i8_minimum_awake(pause: float, broken: list[str]) -> None:
    trace = Trace("I8").state("pi-3", "Booting").state("pi-3", "Awake", timers={"awakeSince": at(0)})
    assert trace.wait(pause).state("pi-3", "Cordoned").broken == broken


def test_i8_cycles_per_day() -> None:
    def slept(times: int) -> list[str]:
        trace = Trace("I8")
        for number in range(times):
            cycles = [at(2000.0 * past) for past in range(number + 1)]
            trace.state("pi-3", "PowerOffRequested", cycles=cycles).state("pi-3", "Awake").wait(2000)
        return trace.broken

    assert slept(2) == []
    assert slept(3) == ["sleeps too often"]


def test_i8_a_power_cut_that_the_record_forgot() -> None:
    trace = Trace("I8").state("pi-3", "PowerOffRequested", cycles=[])
    assert trace.broken == ["a power cut is missing in its record"]


@pytest.mark.parametrize(("pause", "broken"), [(89, []), (91, ["is still being drained"])])
def test_i9_a_drain_that_failed_is_undone(pause: float, broken: list[str]) -> None:
    assert Trace("I9").state("pi-3", "Draining", deadline=60).wait(pause).broken == broken


def test_i9_the_cordon_goes_with_the_roll_back() -> None:
    done = Trace("I9").cordon("pi-3").state("pi-3", "Draining").state("pi-3", "Awake").uncordon("pi-3").wait(60)
    left = Trace("I9").cordon("pi-3").state("pi-3", "Draining").state("pi-3", "Awake").wait(31)
    assert done.broken == []
    assert left.broken == ["is awake with our cordon"]


def test_i9_time_without_a_leader_does_not_count() -> None:
    def led(seconds: int) -> list[str]:
        trace = Trace("I9").lease("a", 1).state("pi-3", "Draining", deadline=0)
        for _ in range(seconds // 5):
            trace.wait(5).lease("a", 1)
        return trace.wait(600).broken

    assert led(10) == []
    assert led(40) == ["is still being drained"]


@pytest.mark.parametrize(("pause", "broken"), [(89, []), (91, ["neither woke nor gave up"])])
def test_i10_a_wake_ends(pause: float, broken: list[str]) -> None:
    assert Trace("I10").state("pi-3", "Booting", deadline=60).wait(pause).broken == broken


def test_i10_a_pause_between_tries_ends_too() -> None:
    trace = Trace("I10").state("pi-3", "WakeRequested", deadline=0, timers={"nextAttemptAt": at(60)})
    assert trace.wait(120).broken == []
    assert trace.wait(100).broken == ["neither woke nor gave up"]


def test_i10_no_more_tries_than_allowed() -> None:
    assert Trace("I10").state("pi-3", "WakeRequested", attempt=3).broken == []
    assert Trace("I10").state("pi-3", "WakeRequested", attempt=4).broken == ["is woken more often than allowed"]


def test_i10_requests_at_the_relay_count_as_well() -> None:
    trace = with_journal("I10").state("pi-3", "WakeRequested")
    for number in range(4):
        trace.order("pi-3", on=True, operation=f"wake-{number}")
    assert trace.state("pi-3", "Booting").broken == ["is woken more often than allowed"]


def test_i10_who_is_given_up_says_so() -> None:
    said = [{"type": "Degraded", "status": "True", "reason": "Degraded"}]
    assert Trace("I10").state("pi-3", "Degraded", conditions=said).wait(61).broken == []
    assert Trace("I10").state("pi-3", "Degraded").wait(61).broken == ["is given up and no condition says so"]


def job(round_: int, reason: str = "Running", *, over: bool = False) -> Body:
    conditions = [{"type": "Complete" if over else "Running", "status": "True", "reason": reason}] if reason else []
    status = {"round": round_, "conditions": conditions}
    return {"metadata": {"name": "digits", "namespace": "default", "uid": "u"}, "status": status}


@pytest.mark.parametrize(
    ("before", "after", "broken"),
    [
        (job(3), job(4), []),
        (job(3), job(2), ["its round counter fell"]),
        (job(3), job(3, ""), ["it lost its reason"]),
        (job(5, "RoundsComplete", over=True), job(5), ["it ended and goes on"]),
    ],
)
def test_i11_rounds_and_reasons(before: Body, after: Body, broken: list[str]) -> None:
    trace = Trace("I11").create("trainingjobs", before).create("trainingjobs", after)
    assert trace.broken == broken


@pytest.mark.parametrize(("pause", "broken"), [(290, []), (320, ["neither ends nor says why"])])
def test_i11_a_job_is_not_left_without_a_word(pause: float, broken: list[str]) -> None:
    trace = Trace("I11").create("trainingjobs", job(0, ""))
    for _ in range(int(pause) // 10):
        trace.wait(10).lease("a", 1)
    assert trace.broken == broken


def test_i12_after_calm_nothing_is_written() -> None:
    def written(seconds: float) -> list[str]:
        trace = Trace("I12").calm(settle=60, quiet=120).wait(seconds)
        return trace.change("energynodes", "pi-3", status={"conditions": [{"type": "Ready"}]}).wait(200).broken

    assert written(59) == written(181) == []
    assert written(61) == ["is written although all is calm"]


def test_i12_the_lease_the_periods_plan_and_others_may_write() -> None:
    trace = Trace("I12").calm(settle=0, quiet=120).wait(10).lease("a", 1)
    trace.change("energynodes", "pi-3", status={"currentPlan": "plan-2"}).change("nodes", "pi-3", status={"phase": "x"})
    assert (trace.wait(120).broken, trace.judged) == ([], 1)


def test_i12_a_new_wish_ends_the_calm_and_without_a_word_nothing_is_judged() -> None:
    trace = Trace("I12").calm(settle=0, quiet=120).change("energynodes", "pi-3", spec={"gridZone": "CLEAN"})
    assert trace.change("energynodes", "pi-3", status={"conditions": []}).broken == []
    assert Trace("I12").auditor.report().findings[0].result == "not judged"


@pytest.mark.parametrize(
    ("settled", "broken"),
    [
        ({}, []),
        ({"closing": 1000}, []),
        ({"closing": 1001}, ["the ledger does not close", "a row does not close"]),
        ({"stored": 100}, ["harvest is not used, sent, stored and curtailed once"]),
    ],
)
def test_i13_the_books(settled: Body, broken: list[str]) -> None:
    assert Trace("I13").create("energyplans", settlement(**settled)).broken == broken


def test_i13_a_total_that_is_not_the_sum_of_its_rows() -> None:
    body = settlement()
    body["status"]["settlement"]["totals"]["loadMicrowattHours"] = 2500
    assert Trace("I13").create("energyplans", body).broken == ["the total is not the sum of its rows"]


@pytest.mark.parametrize(("writes", "broken"), [(15, []), (16, ["is written more than once a minute"])])
def test_i14_one_write_per_object_and_minute(writes: int, broken: list[str]) -> None:
    trace = Trace("I14")
    for number in range(writes):
        trace.wait(1).change("energynodes", "pi-3", status={"conditions": [{"message": str(number)}]})
    assert trace.broken == broken


def test_i14_records_are_not_counted() -> None:
    trace = Trace("I14")
    for number in range(40):
        trace.wait(1).state("pi-3", "Cordoned" if number % 2 else "Awake")
    assert trace.broken == []


@pytest.mark.parametrize(("writes", "broken"), [(300, []), (301, ["more than five writes a second"])])
def test_i14_five_a_second_in_all(writes: int, broken: list[str]) -> None:
    trace = with_journal("I14")
    for number in range(writes):
        trace.request("create", "configmaps", f"map-{number}")
    assert trace.broken == broken


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("asked for zone DE, 240 g/kWh", []),
        ("header Authorization: Bearer abcdefghijklmnopqrst", ["shows a bearer token"]),
        ("-----BEGIN EC PRIVATE KEY-----", ["shows a private key"]),
        ("https://me:letmein@example.org", ["shows a password in an address"]),
    ],
)
def test_i16_shapes_of_secrets(text: str, broken: list[str]) -> None:
    assert with_journal("I16").log(text).broken == broken


def test_i16_known_values_in_logs_and_events_and_never_in_the_report() -> None:
    trace = Trace("I16", secret_values=["hunter22", "abc"])
    event = {"metadata": {"name": "e", "namespace": "default"}, "message": "token hunter22 refused"}
    trace.log("abc is too short to tell").create("events", event)
    assert trace.broken == ["shows a known secret value"]
    assert "hunter22" not in str(trace.auditor.report().as_json())

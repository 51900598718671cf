"""Every guard of the program by name: how to switch it off, and which tests ought to notice.

Those of the sleep machine are found in its registry. The others stand where they act: each is a place in the program
and what it looks like without the guard. A place that is no longer there, or there twice, is an error of this list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from support.guards import agent, door, trainer
from support.guards.mutants import Mutant, replaced, source_of

ACTS = "tests/unit/cluster/test_cluster_acts.py"
CORDONS = "tests/unit/cluster/test_cluster_cordons.py"
PREFLIGHT = "tests/unit/cluster/test_cluster_preflight.py"
RETENTION = "tests/unit/cluster/test_cluster_retention.py"
LEASE = "tests/unit/cluster/test_cluster_lease.py"
CLOCK = "tests/unit/cluster/test_cluster_server_clock.py"
LOOP = "tests/unit/cluster/test_cluster_loop.py"
STALE = "tests/integration/test_cluster_loop_stale.py"
FAULTS = "tests/integration/test_cluster_loop_faults.py"
ISOLATION = "tests/integration/test_cluster_loop_isolation.py"
SIGHT = "tests/unit/cluster/test_cluster_sight.py"
DRIVERS = "tests/unit/power/test_power_drivers.py"
NAMES = "tests/contract/test_chart_addresses.py"
CERTIFICATES = "tests/unit/power/test_power_certificates.py"
RECOVERY = "tests/unit/cluster/test_cluster_recovery.py"
SESSION = "tests/unit/sources/test_sources_session.py"
GROUPS = "tests/unit/sources/test_sources_groups.py"
PAGES = "tests/unit/web/test_web_serving.py"
PASSWORDS = "tests/unit/power/test_power_passwords.py"
RELAYS = "tests/integration/test_cluster_relays.py"
VALIDATE = "tests/unit/planning/test_planning_validate.py"
TRANSITIONS = "tests/unit/planning/test_planning_transitions.py"
HALTING = "tests/unit/planning/test_planning_halting.py"
WALK = "tests/unit/planning/test_planning_sleep_walk.py"
DATA = "tests/unit/planning/test_data_quality.py"
RULES_DATA = "tests/unit/planning/test_planning_rules_data.py"
SAMPLES = "tests/unit/sources/test_sources_samples.py"
SENSORS = "tests/unit/sources/test_sources_sensors.py"
SOLVER = "tests/unit/optimisation/test_optimisation_guarded.py"
VERIFY = "tests/unit/optimisation/test_optimisation_verify.py"
TEMPLATES = "tests/unit/cluster/test_cluster_objects.py"
REGISTRY = "tests/unit/planning/test_planning_guards.py"
DRAIN = "tests/unit/planning/test_planning_drain.py"
FITTING = "tests/unit/planning/test_planning_fitting.py"
WORK = "tests/unit/planning/test_planning_rules_work.py"
SHARES = "tests/unit/planning/test_planning_fair_share.py"
CLAIMS = "tests/unit/planning/test_planning_claims.py"
PACE = "tests/unit/cluster/test_cluster_pace.py"
LIMITS = "tests/unit/planning/test_planning_namespace_limits.py"
DOCUMENTS = "tests/integration/test_foreign_documents.py"
QUESTIONS = "tests/unit/cluster/test_cluster_progress_questions.py"
PROGRESS = "tests/unit/cluster/test_cluster_progress.py"
FOREIGN = "tests/unit/domain/test_domain_foreign_json.py"
SIZES = "tests/unit/optimisation/test_two_price_file_sizes.py"
SURROUNDINGS = "tests/unit/optimisation/test_optimisation_surroundings.py"
NEIGHBOURS = "tests/unit/planning/test_planning_neighbours.py"
PENDING = "tests/unit/planning/test_planning_pending.py"
PENDING_LOOP = "tests/integration/test_cluster_loop_pending.py"
ONE_AFTER_ANOTHER = f"{PENDING_LOOP}::test_a_pod_that_waits_on_all_the_same_does_not_wake_one_node_after_another"
DISRUPTIONS = "tests/unit/cluster/test_cluster_disruptions.py"
MEMORY = "tests/unit/cluster/test_cluster_pod_memory.py"
EVICTION_RIGHTS = "tests/unit/cluster/test_cluster_eviction_rights.py"
CONTROLLERS = "tests/unit/cluster/test_cluster_controllers.py"
EVICTION = "tests/unit/domain/test_domain_eviction.py"
SLEEPERS = "tests/unit/planning/test_planning_limits.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a guard stands, and what is there without it."""

    module: str
    old: str
    new: str
    tests: tuple[str, ...]


def _place(module: str, old: str, new: str, *tests: str) -> Place:
    return Place(module=f"sunward.{module}", old=old, new=new, tests=tests)


PLACES: dict[str, Place] = {
    # what is written to the API server
    "a foreign cordon is not taken over": _place(
        "cluster.acting.acts",
        'if body["spec"].get("unschedulable"):\n            raise',
        "if False:\n            raise",
        ACTS,
    ),
    "only our cordon is taken back": _place(
        "cluster.acting.acts",
        "        if CORDON_MARK in annotations:\n            operations.append(",
        '        if body["spec"].get("unschedulable"):\n'
        '            operations.append({"op": "remove", "path": "/spec/unschedulable"})\n'
        "        if CORDON_MARK in annotations:\n            operations.append(",
        ACTS,
    ),
    "our mark is not written twice": _place(
        "cluster.acting.acts", "        if CORDON_MARK in annotations:\n            return None\n", "", ACTS
    ),
    "foreign taints stay": _place(
        "cluster.acting.acts", 'if taint["key"] != TAINT_KEY]', 'if taint["key"] == "nobody"]', ACTS
    ),
    "a Node is patched in the version that was read": _place(
        "cluster.acting.acts", "[version, *operations]", "[*operations]", ACTS
    ),
    "an eviction carries the UID": _place(
        "cluster.acting.acts", '"deleteOptions": {"preconditions": {"uid": pod.uid}},', "", ACTS
    ),
    "a hopeless eviction ends the round": _place("cluster.acting.acts", "if error.status == 500:", "if False:", ACTS),
    "a refused eviction is told": _place("cluster.acting.acts", "    if refused:\n", "    if False:\n", ACTS),
    "the Lease is asked again before an act": _place("cluster.acting.acts", "if not may_act():", "if False:", ACTS),
    "a record carries the version behind it": _place(
        "cluster.acting.acts",
        '{"metadata": {"resourceVersion": version}, "status": status}',
        '{"status": status}',
        ACTS,
    ),
    "an order carries its operation": _place(
        "cluster.acting.acts", "(operation.id, operation.fencing_token) if operation", '("none", 0) if operation', ACTS
    ),
    "the node is looked at again before the power is cut": _place(
        "cluster.acting.preflight",
        "    if step.act not in (Act.POWER_OFF, Act.SHUT_DOWN):\n        return None\n",
        "    return None\n",
        STALE,
    ),
    "a record that another wrote is respected": _place(
        "cluster.acting.preflight",
        "if (stored.power_state, stored.operation) == (step.record.power_state, step.record.operation):",
        "if True:",
        STALE,
    ),
    "a rule that wakes is asked once more": _place(
        "cluster.acting.preflight",
        'return None if still else f"{step.cause.reason} no longer applies"',
        "return None",
        PREFLIGHT,
        STALE,
    ),
    "a cordon that is gone is looked for once more": _place(
        "cluster.acting.preflight",
        'return "the node is still cordoned" if facts is not None and facts.unschedulable else None',
        "return None",
        PREFLIGHT,
    ),
    "a cordon that others set stays": _place(
        "cluster.objects.cordons",
        "(not is_cordoned or set(_managers(node)) <= {FIELD_MANAGER})",
        "True",
        CORDONS,
    ),
    "a plan without its settlement stays": _place(
        "cluster.reporting.retention", ' if body["metadata"]["name"] in closed]', "]", RETENTION
    ),
    # who may act
    "a Lease lapses by our own clock": _place(
        "cluster.access.lease", "return renewed is not None and ", "return renewed is not None or ", LEASE
    ),
    "a margin before another may lead": _place(
        "cluster.access.lease", "DURATION_SECONDS - SAFETY_SECONDS", "1e9", LEASE
    ),
    "another holder is waited for": _place(
        "cluster.access.lease",
        "and not self._expired(spec):\n            return False",
        "and False:\n            return False",
        LEASE,
    ),
    "a renewal counts from its beginning": _place(
        "cluster.access.lease", "self._renewed_at = begun", "self._renewed_at = self._monotonic()", LEASE
    ),
    "a new life takes a new token": _place("cluster.access.lease", "and above <= transitions == self.token", "", LEASE),
    "a token rises above the youngest on record": _place(
        "cluster.access.lease", "max(transitions, above) + 1", "transitions + 1", LEASE
    ),
    "a first token rises above the youngest on record": _place(
        "cluster.access.lease", "self.token = above + 1", "self.token = 1", LEASE
    ),
    "only the holder gives the Lease up": _place(
        "cluster.access.lease",
        '.get("holderIdentity") == self._identity:\n            body["spec"] |=',
        '.get("holderIdentity"):\n            body["spec"] |=',
        LEASE,
    ),
    "time is the server's": _place(
        "cluster.access.server_clock",
        "self._offset_seconds = min(max(self._offset_seconds, earliest), latest)",
        "pass",
        CLOCK,
    ),
    "a pass is dated when the server has answered": _place(
        "cluster.loop", "        now = ports.clock()  # the", "        now = datetime.now(UTC)  # the", LOOP
    ),
    "who does not lead does not plan": _place(
        "cluster.loop", "        if not leading:\n            return", "        if False:\n            return", FAULTS
    ),
    # what fails, fails alone
    "a Lease that is lost ends a pass": _place(
        "cluster.loop",
        "            if not ports.lease.holds():",
        "            if False:",
        f"{ISOLATION}::test_an_operator_whose_lease_lapses_in_the_middle_of_a_pass_leaves_jobs_and_reports_to_the_next",
    ),
    "a job that fails ends nothing else": _place(
        "cluster.acting.job_applier",
        "                with self._containment.contain(Part.APPLY, subject_of(job)):\n",
        "                if True:\n",
        f"{ISOLATION}::test_a_job_tells_what_was_refused_and_that_it_is_well_again",
    ),
    "a node that fails ends nothing else": _place(
        "cluster.acting.stepper",
        "        with self._containment.contain(Part.STEP, subject):\n",
        "        if True:\n",
        f"{ISOLATION}::test_a_node_whose_record_is_refused_keeps_nobody_from_sleeping",
    ),
    "nobody goes to sleep while a record is uncertain": _place(
        "cluster.acting.stepper",
        "if not is_certain and _leads_to_sleep(step):",
        "if False:",
        f"{ISOLATION}::test_nobody_goes_to_sleep_while_it_is_not_known_which_record_of_another_node_stands",
    ),
    "a step that failed is not relied on": _place(
        "cluster.acting.stepper",
        "again = self.steps(wanted, snapshot, power, passed)",
        "again = self.steps(wanted, snapshot, power)",
        f"{ISOLATION}::test_a_wake_that_cannot_be_recorded_delays_no_other",
    ),
    "a sleep begins under a plan that is on record": _place(
        "cluster.plan_keeper",
        "return steps if self.is_on_record else",
        "return steps if True else",
        f"{ISOLATION}::test_no_sleep_begins_under_a_plan_that_is_not_on_record",
    ),
    "an order to wake does not wait for a plan": _place(
        "cluster.loop",
        "                await self._wake_ordered(seen, power)\n",
        "",
        f"{ISOLATION}::test_an_order_to_wake_does_not_wait_for_a_plan_that_takes_long",
    ),
    "an object of another owner is not taken": _place(
        "cluster.training.jobs",
        'return any(owner.get("uid") == job.uid for owner in owners)',
        "return True",
        TEMPLATES,
    ),
    "what a list no longer shows is not awaited": _place(
        "cluster.access.watch_liveness", "            self._awaited.pop(uid, None)\n", "", SIGHT
    ),
    "what ended is not awaited again": _place(
        "cluster.access.watch_liveness", "if uid not in self._ended and ", "if ", SIGHT
    ),
    # what relays and meters prove
    "an output is a plain yes or no": _place(
        "power.relay",
        "if not isinstance(output, bool):\n        return None",
        "output = bool(output)",
        DRIVERS,
        RELAYS,
    ),
    "a draw is a number that a relay can carry": _place(
        "power.relay", " and abs(watts) <= MOST_WATTS", "", DRIVERS, RELAYS, DOCUMENTS
    ),
    "an answer of a coordinator is short": _place(
        "cluster.training.progress_questions", "if size > LARGEST_BYTES:", "if False:", QUESTIONS
    ),
    "a namespace has its share of all answers": _place(
        "cluster.training.progress_questions", "if self._taken[namespace] > self._share:", "if False:", QUESTIONS
    ),
    "an answer of a coordinator is not unpacked": _place(
        "cluster.training.progress_questions", 'if packed != "identity":', "if False:", QUESTIONS
    ),
    "the time for all answers ends": _place(
        "cluster.training.progress_questions", "asyncio.timeout_at(self._deadline)", "asyncio.timeout(60)", QUESTIONS
    ),
    "namespaces take turns": _place(
        "cluster.training.progress_questions", "list(_in_turn(addresses))", "list(addresses)", QUESTIONS
    ),
    "a batch takes some time": _place(
        "cluster.training.progress", "Field(ge=1e-9, le=1e6)", "Field(ge=0, le=1e300)", PROGRESS
    ),
    "foreign numbers are finite": _place("domain.foreign_json", "if not math.isfinite(number):", "if False:", FOREIGN),
    "a fleet file is measured before it is unpacked": _place(
        "optimisation.decomposition.columnar_files", "            check_npz(file)\n", "", SIZES
    ),
    "a solver process gets few variables": _place(
        "optimisation.process.guarded", "                env=environment(),\n", "", SURROUNDINGS
    ),
    "a solver process gets so much memory": _place(
        "optimisation.process.worker", "allowed = limit_memory()", "allowed = 0", SURROUNDINGS
    ),
    "a draw has no sign": _place("power.relay", "abs(float(watts))", "float(watts)", DRIVERS, RELAYS),
    "an error that repeats a credential is withheld": _place(
        "sources.http",
        "return WITHHELD if any(one in words for one in hidden) else words[:LONGEST_WORDS]",
        "return words[:LONGEST_WORDS]",
        "tests/unit/fault_injection/test_fault_injection_secrets.py",
    ),
    "a redirect is not followed": _place(
        "power.relay", "allow_redirects=False", "allow_redirects=True", DRIVERS, RELAYS
    ),
    "an answer is short": _place("power.relay", "if len(body) > BODY_LIMIT_BYTES:", "if False:", DRIVERS, RELAYS),
    "an answer is about the switch that was asked": _place(
        "power.drivers.shelly",
        'if answer.get("id", switch_id) != switch_id:',
        "if False:",
        DRIVERS,
        RELAYS,
    ),
    "an order is not sent twice by the client": _place(
        "power.drivers.tasmota", '_command(command, "POST")', "_command(command)", DRIVERS, RELAYS
    ),
    "an order counts when the answer repeats it": _place(
        "power.drivers.tasmota", "if await self._output(answer) is not on:", "if False:", DRIVERS
    ),
    "an answer that refuses politely refuses": _place(
        "power.drivers.tasmota", "if any(key.lower() in REFUSALS for key in answer):", "if False:", DRIVERS
    ),
    "an order counts when the answer tells what it changed": _place(
        "power.drivers.shelly", 'if not isinstance(answer.get("was_on"), bool):', "if False:", DRIVERS
    ),
    "a switch with two names takes no orders": _place(
        "power.relay", "if self._line.shared_with:", "if False:", DRIVERS
    ),
    "the settings hold one name for each switch": _place(
        "cli.settings", "        if others:", "        if False:", NAMES
    ),
    "a relay's own authority alone is trusted": _place(
        "power.relay", "ssl=trusted(self.relay.ca_file, self.name)", "ssl=False", CERTIFICATES
    ),
    "a node that got no power stays cordoned": _place(
        "cluster.acting.recovery", "    if power.failed:", "    if False:", RECOVERY
    ),
    "a name of the own network does not lead outside": _place(
        "sources.session", "is_of_cluster(host) or not parsed.is_global", "True", SESSION
    ),
    "an error holds no address, where a password may stand": _place(
        "power.relay", "{_failure(error)}", "{error}", PASSWORDS
    ),
    "a relay that knows a password is not quoted": _place(
        "power.relay", "self.relay.token_file is not None", "False", PASSWORDS
    ),
    "an answer about one node has a limit": _place(
        "sources.groups",
        "min(FIXED_BYTES + bytes_per_node * len(nodes), self.reader.limits.maximum_bytes)",
        "self.reader.limits.maximum_bytes",
        GROUPS,
    ),
    "a node whose answer is too large is left out": _place(
        "sources.groups", "        if len(nodes) == 1:", "        if False:", GROUPS
    ),
    "targets are read once for all who ask": _place("cluster.targets", ">= KEPT_SECONDS", ">= 0.0", PAGES),
    "a number is finite": _place(
        "sources.samples", "return value if abs(value) <= LARGEST_VALUE else None", "return value", SAMPLES
    ),
    "a number is spelled in full": _place("sources.samples", "or not _NUMBER.fullmatch(text)", "or not text", SAMPLES),
    "two series are refused": _place("sources.samples", "if len(series) > 1:", "if False:", SAMPLES),
    "a spoofed series is refused": _place(
        "sources.samples", "if any(one.spoofed for one in series):", "if False:", SAMPLES
    ),
    "nothing below zero is believed": _place("sources.plausible", "if value < -noise:", "if False:", SAMPLES),
    "nothing above the nameplate is believed": _place(
        "sources.plausible",
        "if nameplate is not None and value > nameplate * (1.0 + TOLERANCE_RATIO):",
        "if False:",
        SAMPLES,
    ),
    "a percentage is no ratio": _place("sources.plausible", "if value > 1.0 + NOISE_RATIO:", "if False:", SAMPLES),
    "a measurement is finite": _place(
        "domain.measurement",
        "if not math.isfinite(self.value):",
        "if False:",
        "tests/unit/domain/test_domain_measurement.py",
    ),
    # what data may be used for
    "old readings hold": _place("planning.data_quality.nodes", "if age > limits.sensors_seconds:", "if False:", DATA),
    "readings from the future hold": _place(
        "planning.data_quality.nodes", "if age < -limits.clock_skew_seconds:", "if False:", DATA
    ),
    "a meter that lied is doubted": _place(
        "planning.data_quality.nodes", "if len(past.refusals) >= LIES_BEFORE_SUSPECT:", "if False:", DATA
    ),
    "a stuck meter is doubted": _place(
        "planning.data_quality.nodes", "if meter is Meter.HARVEST and _stuck(", "if False and _stuck(", DATA
    ),
    "a battery that jumps is doubted": _place(
        "planning.data_quality.nodes", "if meter is Meter.BATTERY and _too_steep(", "if False and _too_steep(", DATA
    ),
    "harvest that is not seen is not there": _place(
        "planning.data_quality.nodes",
        "    if meter is Meter.POWER:\n        return reading\n",
        "    if isinstance(reading, Measurement):\n        return reading\n",
        DATA,
    ),
    "many bad nodes are one bad pipeline": _place(
        "planning.data_quality.judgement", "len(bad) > SUSPECT_NODES_RATIO * len(running)", "False", DATA
    ),
    "a store that fails three times holds": _place(
        "planning.data_quality.judgement",
        "if not snapshot.sensors_available and trail.sensors_failures >= FAILURES_BEFORE_HOLD:",
        "if False:",
        DATA,
    ),
    "a lost Lease holds": _place(
        "planning.data_quality.judgement", "    if not snapshot.is_leader:\n", "    if False:\n", DATA
    ),
    "an old intensity is none": _place(
        "planning.data_quality.zones", "if age > limits.intensity_seconds:", "if False:", DATA
    ),
    "an intensity has a unit": _place(
        "planning.data_quality.zones",
        "if not 0.0 <= reading.value <= HIGHEST_GRAMS_PER_KILOWATT_HOUR:",
        "if False:",
        DATA,
    ),
    "the higher of two intensities counts": _place(
        "planning.data_quality.zones", "if high.value - low.value <= DISAGREEMENT_RATIO * low.value:", "if True:", DATA
    ),
    "a value that is no intensity refuses the whole answer": _place(
        "sources.intensity.rows", "if checked is None:", "if False:", "tests/unit/sources/test_sources_providers.py"
    ),
    "a percentile is not taken for pounds": _place(
        "sources.intensity.providers.watttime",
        "if given != unit:",
        "if False:",
        "tests/unit/sources/test_sources_providers.py",
    ),
    "an estimate counts for sleep only where the policy says so": _place(
        "domain.estimates", "if policy.sleep_on is SleepOn.MEASURED:", "if False:", DATA, RULES_DATA
    ),
    "an estimate far from the last day is doubted": _place(
        "domain.estimates", "if low <= reading.value <= high:", "if True:", DATA, RULES_DATA
    ),
    "an old command to cut power is not followed": _place(
        "planning.guards.rules_data", "if timedelta(0) <= age <= COMMAND_LIFETIME:", "if True:", RULES_DATA
    ),
    "bad data hold a plan": _place("planning.hold", "if snapshot.data_hold is not None:", "if False:", VALIDATE),
    "a silent store holds a plan": _place("planning.hold", "if not snapshot.sensors_available:", "if False:", VALIDATE),
    "a suspect pipeline holds a plan": _place("planning.hold", "if share > SUSPECT_SHARE:", "if False:", VALIDATE),
    # what a plan may still ask for
    "a sleep that may no longer be is dropped": _place(
        "planning.validate",
        "obstacles = () if wanted else sleep_obstacles(node, fresh)",
        "obstacles: tuple = ()",
        VALIDATE,
    ),
    "a node that got work back stays awake": _place(
        "planning.validate", "or name in working\n    return awake", "\n    return awake", VALIDATE
    ),
    "a node that broke gets no work": _place("planning.validate", "    if not broken:\n", "    if True:\n", VALIDATE),
    "a job without its quorum waits": _place(
        "planning.validate", "if len({row.node for row in rows}) < job.spec.minimum_workers:", "if False:", VALIDATE
    ),
    "a job that is over is left alone": _place(
        "planning.validate", "if job is None or job.finished is not None:", "if job is None:", VALIDATE
    ),
    "a suspended job does not run": _place(
        "planning.validate", "elif directive.run and job.spec.suspend:", "elif False:", VALIDATE
    ),
    # how a sleep goes on
    "a drain ends in time": _place(
        "planning.sleep.transitions",
        "    if question.is_overdue:\n        return back_awake(",
        "    if False:\n        return back_awake(",
        TRANSITIONS,
        WALK,
    ),
    "a cut without proof is undone in time": _place(
        "planning.sleep.transitions",
        "    if question.is_overdue:\n        message =",
        "    if False:\n        message =",
        TRANSITIONS,
        WALK,
    ),
    "what forbids a sleep is asked again after the cordon": _place(
        "planning.sleep.transitions",
        "obstacle = question.first(GuardStage.PREFLIGHT)",
        "obstacle = None",
        TRANSITIONS,
        WALK,
    ),
    "what forbids a cut is asked before it": _place(
        "planning.sleep.transitions", "obstacle = question.first(GuardStage.CUT)", "obstacle = None", TRANSITIONS, WALK
    ),
    "a relay alone does not make a Ready node off": _place(
        "planning.sleep.transitions",
        "return question.allows(GuardStage.OFF) and not (facts is not None and facts.ready)",
        "return question.allows(GuardStage.OFF)",
        TRANSITIONS,
        WALK,
    ),
    "a cordon that is gone ends the sleep": _place(
        "planning.sleep.transitions",
        "    if not _is_unschedulable(question):\n        return _uncordoned_by_others(question)\n",
        "",
        TRANSITIONS,
        WALK,
    ),
    "a boot ends in time": _place(
        "planning.sleep.waking",
        "    if question.is_overdue:\n        return _try_failed(question)\n    return rest(",
        "    return rest(",
        TRANSITIONS,
        WALK,
    ),
    "wakes are tried a few times only": _place(
        "planning.sleep.waking", "if attempt >= len(", "if attempt < 0 and len(", TRANSITIONS, WALK
    ),
    "Ready from before the cut is not believed": _place(
        "planning.sleep.waking", "return not question.allows(GuardStage.OFF)", "return True", TRANSITIONS, WALK
    ),
    "a repeated order is announced with our token": _place(
        "planning.sleep.steps",
        "started_at=question.now, fencing_token=question.case.fencing_token)\n    return _step",
        "started_at=question.now)\n    return _step",
        TRANSITIONS,
        WALK,
    ),
    "a pod that asks to be left alone blocks": _place(
        "planning.guards.drain",
        "    if pod.do_not_disrupt:\n",
        "    if False:\n",
        DRAIN,
        REGISTRY,
    ),
    "a pod without a controller blocks": _place(
        "planning.guards.drain",
        "    if pod.owner_kind is None:\n",
        "    if False:\n",
        DRAIN,
        REGISTRY,
    ),
    "a pod with files on the node blocks": _place(
        "planning.guards.drain",
        "    if pod.uses_local_storage:\n",
        "    if False:\n",
        DRAIN,
        REGISTRY,
    ),
    "a pod of the system blocks": _place(
        "planning.guards.drain",
        "if is_critical or pod.namespace == SYSTEM_NAMESPACE or",
        "if False and",
        DRAIN,
        REGISTRY,
    ),
    "a coordinator blocks": _place(
        "planning.guards.drain",
        "    if is_coordinator(pod):\n",
        "    if False:\n",
        DRAIN,
        REGISTRY,
    ),
    "a pod that ends is waited for": _place(
        "planning.guards.drain",
        "    if pod.is_terminating:\n",
        "    if False:\n",
        DRAIN,
        REGISTRY,
    ),
    "a pod whose requests cannot be read blocks": _place(
        "planning.guards.rules_work", "    if unread:\n", "    if False:\n", WORK
    ),
    "a node whose amounts cannot be read takes no pod": _place(
        "planning.guards.placing",
        "free={room.node: room.free for room in rooms if isinstance(room.free, Resources)}",
        "free={r.node: r.free if isinstance(r.free, Resources) else Resources(pods=9) for r in rooms}",
        FITTING,
    ),
    # what other people's objects and programs may take
    "a namespace's jobs are counted": _place(
        "planning.jobs.limits", "if limit.jobs is not None and jobs >= limit.jobs:", "if False:", LIMITS
    ),
    "a namespace's shards are counted": _place(
        "planning.jobs.limits", "limit.shards is not None and shards + wanted > limit.shards:", "False:", LIMITS
    ),
    "a namespace's node-hours are counted": _place(
        "planning.jobs.limits", "if allowed is None or hours < allowed:", "if True:", LIMITS
    ),
    "annotations count where nobody may evict": _place(
        "planning.pin_limits",
        "sorted(name for name in present if not_evictable(snapshot, name) is None)",
        "sorted(present)",
        LIMITS,
    ),
    "a namespace's share does not grow with what it asks for": _place(
        "planning.jobs.fair_share", "left / (len(demands) - count)", "left", SHARES
    ),
    "jobs that are out of turn wait": _place(
        "planning.jobs.admission", "if served[job.spec.key] <= TOLERANCE or full:", "if False:", SHARES
    ),
    "a coordinator's word is bounded by our own records": _place(
        "planning.guards.rules_work", "if case.node.name in job.unconfirmed_nodes:", "if False:", CLAIMS
    ),
    "a worker that no assignment names has a few rounds": _place(
        "planning.jobs.claims",
        "(last is None or snapshot.taken_at - last >= trail.grace)",
        "last is None",
        CLAIMS,
    ),
    "a round that is under way may end": _place(
        "planning.jobs.claims",
        "(last is None or snapshot.taken_at - last >= trail.grace)",
        "True",
        CLAIMS,
    ),
    "what a coordinator says is written once a minute": _place(
        "cluster.reporting.pace", "if bucket.left < 1.0 and not is_urgent:", "if False:", PACE
    ),
    "a pod that may come back to a cordoned node blocks": _place(
        "planning.guards.drain", "    if comes_back(pod):\n", "    if False:\n", DRAIN
    ),
    "a pod whose eviction is refused for good blocks": _place(
        "planning.guards.drain", "    if pod.held is not None:\n", "    if False:\n", DRAIN
    ),
    # where pods fit
    "what a pod asks and nobody understands fits nowhere": _place(
        "planning.guards.fitting", "if needs.unknown is not None:", "if False:", FITTING
    ),
    "a pod goes only where its volumes are": _place(
        "planning.guards.fitting", "if not admits(needs.volumes, room):", "if False:", FITTING
    ),
    "a host port is given once": _place(
        "planning.guards.placing", "    if not pod.needs.host_ports:\n", "    if True:\n", NEIGHBOURS
    ),
    "pods keep others away": _place(
        "planning.guards.neighbours", "repelled=frozenset(_repelled(pod, around)),", "repelled=frozenset(),", NEIGHBOURS
    ),
    "a pod keeps away from others": _place(
        "planning.guards.neighbours",
        "if any(labels.get(key) == value for key, value in self.apart):",
        "if False:",
        NEIGHBOURS,
    ),
    "a pod stays with others": _place(
        "planning.guards.neighbours", "    if not terms:\n        return ()\n", "    return ()\n", NEIGHBOURS
    ),
    "pods are spread": _place(
        "planning.guards.neighbours", "emptiest > spread.maximum_skew", "emptiest > 99", NEIGHBOURS
    ),
    "pods that leave together take room from each other": _place(
        "planning.guards.placing", "self.free[found] = self.free[found].less(pod.needs.requests)", "pass", FITTING
    ),
    # how many may sleep
    "only servers say how the cluster is set": _place(
        "cluster.objects.controllers",
        "if any(label in _labels(body) for label in SERVER_LABELS)]",
        "]",
        CONTROLLERS,
    ),
    "only a static pod of kube-system shows its command": _place(
        "cluster.objects.controllers",
        'MIRROR in (metadata.get("annotations") or {}) and metadata["namespace"] == "kube-system"',
        "True",
        CONTROLLERS,
    ),
    "of several controllers the most careful one counts": _place(
        "domain.eviction", "return min(controllers,", "return max(controllers,", EVICTION
    ),
    "what was read counts before the policy's word": _place(
        "domain.eviction", "tuple(one or word for one in read)", "tuple(word for one in read)", EVICTION
    ),
    "a rate that heals nothing is none": _place("domain.eviction", ">= REDUCED_PER_SECOND", ">= 0.0", EVICTION),
    "each failure zone has a limit": _place(
        "planning.guards.budgets",
        "return (None, _zone_of(case.node)) if len(case.snapshot.zones) > 1 else (None,)",
        "return (None,)",
        SLEEPERS,
    ),
    "the planner has the room of each failure zone": _place(
        "planning.guards.budgets",
        "        room = min(room, sum(",
        "        room = max(room, sum(",
        SLEEPERS,
    ),
    # who is evicted, and how often
    "another tool's mark on a node is read": _place(
        "cluster.objects.disruptions", "return next(iter((*marks,", "return next(iter((*marks[:0],", DISRUPTIONS
    ),
    "a disruption budget is read before the cordon": _place(
        "cluster.objects.disruptions",
        "if not own or _lets_go(own[0], is_ready=_is_ready(status)):",
        "if True:",
        DISRUPTIONS,
    ),
    "two disruption budgets are one too many": _place(
        "cluster.objects.disruptions", "if len(own) > 1:", "if False:", DISRUPTIONS
    ),
    "a namespace that is not listed is left alone": _place(
        "cluster.reading.pod_memory", "        if forbidden is not None:\n", "        if False:\n", MEMORY
    ),
    "evictions are counted on only where there is a right": _place(
        "cluster.reading.eviction_rights",
        """if answer["status"]["allowed"] is True:""",
        "if True:",
        EVICTION_RIGHTS,
    ),
    "an emptyDir is kept unless the policy says otherwise": _place(
        "cluster.objects.disruptions",
        """if "emptyDir" not in volume or empty_dirs is EmptyDirs.DELETE:""",
        "if True:",
        DISRUPTIONS,
    ),
    "an eviction that is forbidden is remembered": _place(
        "cluster.reading.pod_memory",
        "if is_final or one.cause.reason is Reason.EVICTION_REFUSED:",
        "if False:",
        MEMORY,
    ),
    "a pod that came back is remembered": _place(
        "cluster.reading.pod_memory", "if pod.uid not in drain.seen and", "if False and", MEMORY
    ),
    "a budget that has just refused is not asked at once": _place(
        "cluster.acting.stepper",
        "step = replace(step, pods=self._memory.due(step.pods, self._clock()))",
        "pass",
        f"{PENDING_LOOP}::test_a_budget_that_is_used_up_meanwhile_is_asked_every_few_seconds_only",
    ),
    "few pods are evicted at once": _place("planning.sleep.transitions", "[:EVICTIONS_AT_ONCE]", "", TRANSITIONS),
    # who is woken for pods that wait
    "a need wakes once": _place(
        "cluster.acting.stepper", "        self._memory.woken(pods, self._clock())\n", "", ONE_AFTER_ANOTHER
    ),
    "a node that a person holds asleep is not woken for pods": _place(
        "planning.guards.pending", "and not is_held and", "and", PENDING
    ),
    "what boots counts as up": _place(
        "planning.guards.pending", "return node.record.power_state in WAKING or", "return", PENDING
    ),
    # what a solver may say
    "every answer of the solver is verified": _place(
        "optimisation.process.guarded", "    if violations:\n", "    if False:\n", SOLVER
    ),
    "a plan worse than the simple one is refused": _place(
        "optimisation.process.guarded", "if worse else None", "if False else None", SOLVER
    ),
    "a solver that hangs is killed": _place(
        "optimisation.process.guarded",
        "read_frame(_descriptor(process.stdout), deadline,",
        "read_frame(_descriptor(process.stdout), deadline + 25,",
        f"{SOLVER}::test_a_hang_is_killed_two_seconds_after_the_limit",
    ),
    "a solver that greets wrongly is not used": _place("optimisation.process.guarded", "!= READY:", "== 0:", SOLVER),
    # what workers of a federation may send
    **{
        name: Place(module=f"sunward_trainer.{module}", old=old, new=new, tests=(test,))
        for name, (module, old, new, test) in trainer.PLACES.items()
    },
    # who may speak with whom in a federation
    **{
        name: Place(module=f"sunward_trainer.{module}", old=old, new=new, tests=(test,))
        for name, (module, old, new, test) in door.TRAINER_PLACES.items()
    },
    **{name: _place(*place) for name, place in door.OPERATOR_PLACES.items()},
    # what a power agent obeys
    **{
        name: Place(module=f"sunward_power_agent.{module}", old=old, new=new, tests=(test,))
        for name, (module, old, new, test) in agent.PLACES.items()
    },
    # what a relay's answer is worth
    "a first-generation Shelly confirms an order": _place(
        "power.drivers.shelly_gen1",
        'if answer.get("ison") is not on:',
        "if False:",
        "tests/unit/power/test_power_shelly_gen1.py",
    ),
    "a figure that was typed in is no draw": _place(
        "power.drivers.shelly_gen1",
        "isinstance(meters, int) and meters > switch_id and ",
        "",
        "tests/unit/power/test_power_shelly_gen1.py",
    ),
    "an answer is about the system that was asked": _place(
        "power.drivers.redfish", 'told.rstrip("/") != self._path', "False", "tests/unit/power/test_power_redfish.py"
    ),
    "a controller that answers with an error did not accept": _place(
        "power.drivers.redfish", 'if "error" in answer:', "if False:", "tests/unit/power/test_power_redfish.py"
    ),
    "a chassis is one of the controller's own": _place(
        "power.drivers.redfish",
        'not _CHASSIS.fullmatch(chassis.rstrip("/"))',
        "False",
        "tests/unit/power/test_power_redfish.py",
    ),
    "a webhook accepts an order by a plain yes": _place(
        "power.drivers.webhook",
        'if answer.get("accepted") is not True:',
        "if False:",
        "tests/unit/power/test_power_webhook.py",
    ),
    "a webhook's body is signed": _place(
        "power.drivers.webhook",
        "hmac.new(secret.encode(), body, hashlib.sha256)",
        "hmac.new(secret.encode(), bytes(), hashlib.sha256)",
        "tests/unit/power/test_power_webhook.py",
    ),
    "words that mean both on and off mean neither": _place(
        "power.drivers.tasmota", " if off != on else None", "", DRIVERS
    ),
    # a clean shutdown
    "an order to shut down is not written without the Lease": _place(
        "cluster.acting.stepper",
        "if step.act is Act.SHUT_DOWN and not self._lease.holds():",
        "if False:",
        "tests/unit/cluster/test_cluster_shutdown.py",
    ),
    "the node is looked at again before a shutdown is ordered": _place(
        "cluster.acting.preflight",
        "if step.act not in (Act.POWER_OFF, Act.SHUT_DOWN):",
        "if step.act is not Act.POWER_OFF:",
        "tests/unit/cluster/test_cluster_shutdown.py",
    ),
    "a record is written again only over an agent's report": _place(
        "cluster.acting.stepper",
        "if not only_agent_differs(seen, stored):",
        "if False:",
        "tests/unit/cluster/test_cluster_shutdown.py",
    ),
    "an agent that fell silent is not used": _place(
        "planning.sleep.halting", "return agent if -skew <= age <= AGENT_FRESH else None", "return agent", HALTING
    ),
    "an agent that may not be used is not": _place("planning.sleep.halting", "not sleep.uses_agent or ", "", HALTING),
    "the draw of a halted machine must stay": _place(
        "planning.guards.rules_shutdown", "case.now - order.halted_at >= SETTLE:", "True:", HALTING
    ),
    "a system that runs again is not cut": _place(
        "planning.guards.rules_shutdown", "    if came_back(case):\n", "    if False:\n", HALTING, REGISTRY
    ),
    "Ready from before a shutdown is not believed": _place(
        "planning.guards.rules_shutdown", "return case.now - order.deadline >= HEARTBEAT_GRACE", "return True", HALTING
    ),
    "a machine that always reboots is cut in the end": _place(
        "planning.sleep.halting", " and operation.attempt < ORDERS", "", HALTING
    ),
}


def of_the_registry() -> Iterator[Mutant]:
    """One change for every guard of the sleep machine: its rule never objects."""
    registry = source_of("sunward.planning.guards.registry").read_text()
    for name, module, rule in re.findall(r'"([a-z-]+)": _guard\(\s*(\w+)\.(\w+),', registry):
        where = f"sunward.planning.guards.{module}"
        text = f"{source_of(where).read_text()}\n\ndef {rule}(case):\n    return None\n"
        yield Mutant(name=name, module=where, text=text, tests=(REGISTRY,), only=name)


def elsewhere() -> Iterator[Mutant]:
    """One change for every other guard. Raises ValueError where a place is not as listed."""
    for name, place in PLACES.items():
        text = replaced(place.module, place.old, place.new)
        yield Mutant(name=name, module=place.module, text=text, tests=place.tests)

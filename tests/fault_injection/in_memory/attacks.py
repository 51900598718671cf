"""Suite R11: exporters that lie gain at most their panel, are found out where they can be, and change nobody else."""

from __future__ import annotations

from support.faults import attacks
from support.faults.outcome import Options, Outcome

TITLE = "R11 hostile agents"
SEEDS, LONG_SEEDS = 2, 20
CLEAN_HOURS, LONG_CLEAN_HOURS = 2, 24
MOST_FALSE_ALARMS_PER_NODE_DAY = 0.01


def run(options: Options) -> Outcome:
    """Every attack on random fleets, and honest fleets without one."""
    seeds = range(options.seed, options.seed + (LONG_SEEDS if options.long else SEEDS))
    hours = LONG_CLEAN_HOURS if options.long else CLEAN_HOURS
    seen = {f"{name}, seed {seed}": attacks.play(name, seed) for name in attacks.ATTACKS for seed in seeds}
    alarms = [attacks.false_alarms(seed, hours) for seed in seeds]
    count, days = sum(found for found, _ in alarms), sum(watched for _, watched in alarms)
    violations = [f"{name}: {why}" for name, one in seen.items() for why in one.violations]
    if count > MOST_FALSE_ALARMS_PER_NODE_DAY * days:
        violations.append(f"{count} findings about honest nodes in {days:g} node-days")
    times = [one.detected_after_seconds for one in seen.values() if one.detected_after_seconds is not None]
    return Outcome(
        suite="attacks",
        title=TITLE,
        seed=options.seed,
        counts={
            "attacks": len(attacks.ATTACKS),
            "runs": len(seen),
            "detected": len(times),
            "honest_node_days": days,
            "false_alarms": count,
        },
        violations=violations,
        figures={
            "longest_until_detected_seconds": max(times),
            "most_believed_watts": max(one.most_believed_watts for one in seen.values()),
            "nameplate_watts": attacks.NAMEPLATE_WATTS,
        },
    )

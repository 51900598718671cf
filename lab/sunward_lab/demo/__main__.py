"""`python -m sunward_lab.demo`: from nothing to a finished training job with a report."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sunward_lab import cluster
from sunward_lab.building import preparation
from sunward_lab.demo import manifests, report
from sunward_lab.demo.cluster import DemoCluster, Look
from sunward_lab.demo.disturb import KINDS, Trouble
from sunward_lab.demo.live import LiveView
from sunward_lab.demo.progress import Progress
from sunward_lab.demo.record import Record, at
from sunward_lab.demo.verdict import Finding, judge, sums
from sunward_lab.errors import LabError
from sunward_lab.settings import RunFolder, Settings, cache_folder, default_run_folder
from sunward_lab.spec import WorldSpec
from sunward_lab.world.scenario import load_scenario

LOOK_SECONDS = 2.0
PERIODS_AFTER_THE_JOB = 3
"""Settled planning periods after the job's end within which its last periods must be in the books."""
REPOSITORY = Path(__file__).resolve().parents[3]


def main() -> int:
    """Run the demo; 0 when every promise was kept, 1 when not, 2 for wrong use."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun = time.monotonic()
    try:
        return _demo(options, begun)
    except LabError as error:
        print(f"sunward demo: {error}", file=sys.stderr)
        print("no lab available? Run CLUSTER=kind make demo, or: sunward simulate three-sites", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    finally:
        if not options.keep:
            cluster.down(options.run_dir, _teller(begun))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sunward-lab demo", description="Set up a cluster and run a training job.")
    parser.add_argument("--nodes", type=int, default=6, help="number of workers; 10 is the testbed of the paper")
    parser.add_argument("--scenario", default="demo", help="bundled scenario or YAML file")
    parser.add_argument("--run-dir", type=Path, default=default_run_folder(), help="folder of the cluster")
    parser.add_argument("--report", type=Path, default=Path("report/demo"), help="folder for the report")
    parser.add_argument("--rounds", type=int, default=manifests.Tempo().rounds, help="rounds of training")
    parser.add_argument(
        "--stall-seconds", type=float, default=180, help="stop if no round and no period is completed for this long"
    )
    parser.add_argument(
        "--trouble",
        nargs="*",
        choices=KINDS,
        default=(),
        help="disruptions to inject during the run: " + ", ".join(KINDS),
    )
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    return parser.parse_args()


def _teller(begun: float) -> Callable[[str], None]:
    def say(text: str) -> None:
        print(f"[{time.monotonic() - begun:5.0f} s] {text}", flush=True)

    return say


def _demo(options: argparse.Namespace, begun: float) -> int:
    say = _teller(begun)
    tempo = replace(manifests.Tempo(), rounds=options.rounds)
    running = _prepare(options, tempo, say)
    ready = time.monotonic() - begun
    trouble = Trouble(running=running, run_dir=options.run_dir, say=say, kinds=tuple(options.trouble))
    record = _watch(running, trouble, options, say)
    findings = [*judge(record), *trouble.judge(record)]
    facts = {
        "workers": options.nodes,
        "scenario": options.scenario,
        "seconds until the job was submitted": round(ready),
        "seconds in all": round(time.monotonic() - begun),
        "data set": _data_set(record),
    }
    page = report.write(options.report, record, findings, facts)
    _summary(record, findings, page)
    return 0 if all(finding.kept for finding in findings) else 1


def _prepare(options: argparse.Namespace, tempo: manifests.Tempo, say: Callable[[str], None]) -> DemoCluster:
    """Binaries, images, cluster, chart, resources and the job."""
    scenario = load_scenario(options.scenario)
    preparation.prepare(cache_folder(), say)
    cluster.up(Settings(nodes=options.nodes, scenario=options.scenario), options.run_dir, say)
    run = RunFolder(options.run_dir.absolute())
    world = WorldSpec.read(run.path)
    running = DemoCluster(run.kubeconfig, cluster.binaries())
    values = run.path / "values-demo.json"
    host = str(run.read_settings().host_address)
    values.write_text(json.dumps(manifests.chart_values(world, host, tempo)), encoding="utf-8")
    chart = REPOSITORY / "helm" / "sunward"
    running.install(chart, [chart / "values-lab.yaml", values], say)
    nodes = manifests.energy_nodes(scenario, world)
    sites = sorted({node["spec"]["site"] for node in nodes})
    homes = [node["metadata"]["name"] for node in nodes if node["spec"]["role"] == "Worker"]
    say("applying nodes and policy")
    running.apply([*nodes, manifests.policy(tempo, sites, len(homes))])
    running.await_condition("meters of all nodes", 60, lambda seen: _metered(seen) >= len(nodes))
    say("submitting the job")
    running.apply([manifests.training_job(tempo, homes)])
    return running


def _metered(seen: Look) -> int:
    return sum(at(node, "status", "power", "milliwatts") is not None for node in seen.energy_nodes)


def _watch(running: DemoCluster, trouble: Trouble, options: argparse.Namespace, say: Callable[[str], None]) -> Record:
    """Look until the job is over and its periods are settled, or until nothing moves any more."""
    record = Record()
    threading.Thread(target=running.watch_pods, args=(record.pod_changed,), daemon=True).start()
    progress = Progress(stall_seconds=options.stall_seconds, begun=time.monotonic())
    with LiveView() as view:
        while not progress.has_stalled(time.monotonic()):
            try:
                seen = running.look()
            except OSError as error:
                say(f"the API server does not respond: {error}")
                time.sleep(LOOK_SECONDS)
                continue
            record.add(seen)
            view.show(seen)
            trouble.look(seen)
            progress.add(seen, time.monotonic())
            periods = progress.periods_after_the_job
            if periods is not None and (all(f.kept for f in judge(record)) or periods >= PERIODS_AFTER_THE_JOB):
                break
            time.sleep(LOOK_SECONDS)
        else:
            say(f"no round or period completed for {options.stall_seconds:.0f} s (--stall-seconds); the demo stops")
    trouble.finish()
    return record


def _data_set(record: Record) -> str:
    jobs = record.last.jobs if record.last else []
    return next((str(at(job, "status", "dataSet")) for job in jobs if at(job, "status", "dataSet")), "unknown")


def _summary(record: Record, findings: list[Finding], page: Path) -> None:
    figures = sums(record.last.plans if record.last else [])
    saved = figures.baseline_grams - figures.location_grams
    print()
    for finding in findings:
        print(f"  {'yes' if finding.kept else 'NO '}  {finding.promise}: {finding.evidence}")
    if figures.baseline_grams > 0:
        print(
            f"  emissions {figures.location_grams * 1000:.2f} mg against {figures.baseline_grams * 1000:.2f} mg: "
            f"{saved * 1000:+.2f} mg avoided ({100 * saved / figures.baseline_grams:.1f} %), location-based"
        )
    print(f"  report: {page}")


if __name__ == "__main__":
    sys.exit(main())

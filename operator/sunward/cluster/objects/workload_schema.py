"""The part of a TrainingJob that says what its pods need -> the domain's values."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from sunward.cluster.objects.allocatable import quantity
from sunward.cluster.objects.crd_types import (
    TrainingJobSpecPod,
    TrainingJobSpecPodVolume,
    TrainingJobSpecRuntimeFlowerApp,
    TrainingJobSpecRuntimeFlowerAppMetric,
    TrainingJobSpecShardVolume,
)
from sunward.domain.workloads import (
    DEFAULT_LIMITS,
    DEFAULT_REQUESTS,
    Amounts,
    AppMetric,
    ExtraVolume,
    FlowerApp,
    Granularity,
    MetricSource,
    MountedBy,
    Numbers,
    PodOptions,
    ShardVolume,
)


def pod_options(pod: TrainingJobSpecPod | None) -> PodOptions:
    """`spec.pod`, or its defaults where it was left out."""
    if pod is None:
        return PodOptions()
    resources = pod.get("resources", {})
    requests = dict(DEFAULT_REQUESTS) | resources.get("requests", {})
    return PodOptions(
        command=tuple(pod.get("command", ())),
        requests=amounts_of(requests),
        limits=limits(requests, resources.get("limits", {})),
        needs=numbers(requests),
        scratch_mebibytes=pod["scratchMebibytes"],
        image_pull_secrets=tuple(secret["name"] for secret in pod.get("imagePullSecrets", ())),
        env=tuple((item["name"], item["value"]) for item in pod.get("env", ())),
        volumes=tuple(_volume(volume) for volume in pod.get("volumes", ())),
    )


def numbers(amounts: Mapping[str, str]) -> Numbers | None:
    """Amounts as whole numbers, rounded up as the scheduler does; None where an amount is none."""
    found = {resource: quantity(amount) for resource, amount in amounts.items()}
    if None in found.values():
        return None
    whole = {
        resource: ceil(amount * (1000 if resource == "cpu" else 1)) for resource, amount in found.items() if amount
    }
    return tuple(sorted(whole.items()))


def limits(requests: Mapping[str, str], stated: Mapping[str, str]) -> Amounts:
    """The limits that were stated, else the default, else what is requested where that is more or has no default."""
    found = dict(DEFAULT_LIMITS) | dict(stated)
    for resource, amount in requests.items():
        if resource not in stated and _is_more(amount, found.get(resource)):
            found[resource] = amount
    return amounts_of(found)


def _is_more(amount: str, limit: str | None) -> bool:
    asked, most = quantity(amount), None if limit is None else quantity(limit)
    return most is None or (asked is not None and asked > most)


def flower_app(app: TrainingJobSpecRuntimeFlowerApp) -> FlowerApp:
    """`spec.runtime.flower.app`, where it is no text."""
    metric = app.get("metric")
    return FlowerApp(
        path=app["path"],
        run_config=tuple(sorted(app.get("runConfig", {}).items())),
        granularity=Granularity(app["granularity"]),
        pieces_per_shard=app["piecesPerShard"],
        metric=None if metric is None else _metric(metric),
        weight_key=app["weightKey"],
    )


def _metric(metric: TrainingJobSpecRuntimeFlowerAppMetric) -> AppMetric:
    return AppMetric(name=metric["name"], scale=metric["scale"], source=MetricSource(metric["source"]))


def _volume(volume: TrainingJobSpecPodVolume) -> ExtraVolume:
    return ExtraVolume(
        name=volume["name"],
        claim=volume["claim"],
        mount_path=volume["mountPath"],
        read_only=volume["readOnly"],
        pods=MountedBy(volume["pods"]),
    )


def shard_volume(volume: TrainingJobSpecShardVolume | None) -> ShardVolume | None:
    """`spec.shards[].volume`."""
    if volume is None:
        return None
    return ShardVolume(claim=volume.get("claim"), data_volume=volume.get("dataVolume"))


def amounts_of(amounts: Mapping[str, str]) -> Amounts:
    """Amounts in name order."""
    return tuple(sorted(amounts.items()))

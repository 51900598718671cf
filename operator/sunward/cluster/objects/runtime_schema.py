"""The part of a TrainingJob that says what its pods run -> the domain's values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sunward.cluster.objects.crd_types import (
    TrainingJobSpec,
    TrainingJobSpecPod,
    TrainingJobSpecPodEnvItem,
    TrainingJobSpecPodResources,
    TrainingJobSpecRuntimeFlower,
    TrainingJobSpecRuntimeGeneric,
    TrainingJobSpecRuntimeGenericTemplateSpecContainer,
)
from sunward.cluster.objects.workload_schema import amounts_of, flower_app, limits, numbers
from sunward.domain.errors import InvalidInput
from sunward.domain.workloads import DEFAULT_REQUESTS, FlowerApp, GenericContainer, PodOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """`spec.runtime`: either an image with one of model, app and flower_app, or containers."""

    image: str | None = None
    model: str | None = None
    app: str | None = None
    flower_app: FlowerApp | None = None
    arguments: tuple[tuple[str, str], ...] = ()
    containers: tuple[GenericContainer, ...] = ()


def runtime_of(job: str, spec: TrainingJobSpec) -> Runtime:
    """Read it. Raises InvalidInput naming the field; `job` is namespace/name."""
    runtime = spec["runtime"]
    if "flower" in runtime and "generic" not in runtime:
        return _flower(runtime["flower"])
    if "generic" in runtime and "flower" not in runtime:
        return Runtime(containers=_containers(runtime["generic"], spec.get("pod")))
    raise InvalidInput(f"TrainingJob {job}: spec.runtime", "must have exactly one of flower and generic")


def _flower(flower: TrainingJobSpecRuntimeFlower) -> Runtime:
    app = flower.get("app")
    return Runtime(
        image=flower["image"],
        model=flower.get("model"),
        app=app if isinstance(app, str) else None,
        flower_app=None if app is None or isinstance(app, str) else flower_app(app),
        arguments=tuple(sorted(flower.get("arguments", {}).items())),
    )


def _containers(generic: TrainingJobSpecRuntimeGeneric, pod: TrainingJobSpecPod | None) -> tuple[GenericContainer, ...]:
    """Those of the template, with the resources and variables of `spec.pod` where they have none."""
    resources = {} if pod is None else pod.get("resources", {})
    variables = () if pod is None else pod.get("env", ())
    return tuple(_container(container, resources, variables) for container in generic["template"]["spec"]["containers"])


def _container(
    container: TrainingJobSpecRuntimeGenericTemplateSpecContainer,
    common: TrainingJobSpecPodResources,
    variables: Iterable[TrainingJobSpecPodEnvItem],
) -> GenericContainer:
    own = container.get("resources", {})
    requests = dict(DEFAULT_REQUESTS) | common.get("requests", {}) | own.get("requests", {})
    env = {one["name"]: one["value"] for one in (*variables, *container.get("env", ()))}
    return GenericContainer(
        name=container["name"],
        image=container["image"],
        command=tuple(container.get("command", ())),
        args=tuple(container.get("args", ())),
        working_dir=container.get("workingDir"),
        env=tuple(env.items()),
        requests=amounts_of(requests),
        limits=limits(requests, common.get("limits", {}) | own.get("limits", {})),
    )


def with_needs(options: PodOptions, containers: Sequence[GenericContainer]) -> PodOptions:
    """The options of a pod with these containers, which requests what all of them do; unchanged without any."""
    if not containers:
        return options
    total: Counter[str] = Counter()
    for container in containers:
        needs = numbers(dict(container.requests))
        if needs is None:
            return replace(options, needs=None)
        total.update(dict(needs))
    return replace(options, needs=tuple(sorted(total.items())))

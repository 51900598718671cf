"""The door of a job: what each Secret contains, when it is renewed, and who may connect to whom."""

from __future__ import annotations

import ssl
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from sunward.cluster.access.api import ApiError
from sunward.cluster.training import pods, templates
from sunward.cluster.training.authorities import SEED_SECRET, Authorities
from sunward.cluster.training.certificates import LIFETIME, RENEW_BEFORE, Authority
from sunward.cluster.training.coordinators import client_context
from sunward.cluster.training.door import CERTIFICATE_ANNOTATION, PENDING_LIMIT, Door, Pass
from sunward.cluster.training.pod_volumes import Surroundings
from sunward.domain.jobs import DataMobility, JobSpec
from support.loop.store import Store
from support.network_policies import Endpoint, may_connect
from support.planning import a_job
from support.store_api import StoreApi

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SEED = b"a seed that is thirty-two bytes."
JOB = replace(a_job().spec, namespace="team-a", name="digits", uid="5d0c1f5e")


def a_door(job: JobSpec = JOB, *, seed: bytes = SEED, now: datetime = NOW) -> Door:
    return Door(job=job, authority=Authority(seed, job.uid), operator_namespace="sunward-system", now=now)


def content(made: Pass) -> dict[str, bytes]:
    return {name: b64decode(value) for name, value in made.secret["data"].items()}


# what a Secret contains


def test_a_worker_gets_its_own_certificate_and_no_key_that_makes_others() -> None:
    made = content(a_door().worker("pi-01", "garage"))
    assert set(made) == {"ca.crt", "tls.crt", "tls.key"}
    authority = x509.load_pem_x509_certificate(made["ca.crt"])
    key = load_pem_private_key(made["tls.key"], None)
    assert key.public_key() != authority.public_key()
    assert key.public_key() == x509.load_pem_x509_certificate(made["tls.crt"]).public_key()
    assert set(content(a_door().coordinator())) == {"ca.crt", "tls.crt", "tls.key", "checkpoint.key"}


def test_every_secret_belongs_to_its_job_and_is_named_after_its_pod() -> None:
    for made, pod in ((a_door().coordinator(), "digits-coordinator"), (a_door().worker("n", None), "digits-worker-n")):
        metadata = made.secret["metadata"]
        assert metadata["name"] == templates.secret_name(pod)
        assert metadata["ownerReferences"][0]["uid"] == JOB.uid
        assert made.secret["type"] == "sunward.dev/door"


def test_a_job_that_is_created_again_has_another_authority_and_another_key_for_checkpoints() -> None:
    first, again, same = (Authority(SEED, uid) for uid in ("1", "2", "1"))
    assert first.fingerprint == same.fingerprint != again.fingerprint
    assert first.checkpoint_key == same.checkpoint_key != again.checkpoint_key
    assert Authority(b"x" * 32, "1").fingerprint != first.fingerprint


@pytest.mark.parametrize("seed", [b"", b"short", b"x" * 33])
def test_a_seed_of_another_length_is_refused(seed: bytes) -> None:
    with pytest.raises(ValueError, match="32 are needed"):
        Authority(seed, "1")


# when a certificate is renewed


def pod(made: Pass | None = None, *, phase: str = "Running", stamp: str | None = None) -> dict[str, Any]:
    annotations = dict(made.annotations) if made else {}
    if stamp is not None:
        annotations[CERTIFICATE_ANNOTATION] = stamp
    return {"metadata": {"annotations": annotations}, "status": {"phase": phase}}


def test_a_fresh_certificate_stays_until_a_third_of_its_life_is_left() -> None:
    running = pod(a_door().coordinator())
    assert a_door().is_current(running)
    assert a_door(now=NOW + LIFETIME - RENEW_BEFORE - timedelta(seconds=1)).is_current(running)
    assert not a_door(now=NOW + LIFETIME - RENEW_BEFORE).is_current(running)


def test_a_new_seed_replaces_every_certificate() -> None:
    assert not a_door(seed=b"y" * 32).is_current(pod(a_door().coordinator()))


def test_a_pod_that_waits_for_long_gets_its_secret_again() -> None:
    waiting = pod(a_door().coordinator(), phase="Pending")
    assert a_door(now=NOW + PENDING_LIMIT).is_current(waiting)
    assert not a_door(now=NOW + PENDING_LIMIT + timedelta(seconds=1)).is_current(waiting)


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_is_over_needs_none(phase: str) -> None:
    assert a_door().is_current(pod(phase=phase))


@given(st.text() | st.sampled_from(["0001-01-01T00:00:00Z x", "9999-12-31T23:59:59-23:59 x", "2026-11-22T00:00:00Z"]))
def test_whatever_stands_in_the_annotation_is_read(stamp: str) -> None:
    """Tenants may change annotations of pods in their namespace."""
    assert not a_door().is_current(pod(stamp=stamp))


# the seed


async def test_the_seed_is_made_once_and_read_by_every_replica() -> None:
    store = Store()
    first, second = (Authorities(StoreApi(store), "sunward-system") for _ in range(2))
    assert (await first.of("1")).fingerprint == (await second.of("1")).fingerprint
    assert [body["metadata"]["name"] for body in store.of("secrets")] == [SEED_SECRET]


async def test_a_damaged_seed_is_an_error_that_says_what_to_do() -> None:
    store = Store()
    body = {"metadata": {"name": SEED_SECRET}, "data": {"seed": "AAAA"}}
    store.create("/api/v1/namespaces/sunward-system/secrets", body)
    with pytest.raises(ApiError, match="is not 32 bytes in base64; delete the Secret"):
        await Authorities(StoreApi(store), "sunward-system").of("1")


def test_the_operators_own_certificate_is_for_tls_1_3_and_for_a_named_server() -> None:
    context = client_context(Authority(SEED, "1").operator(datetime.now(UTC)))
    assert (context.minimum_version, context.check_hostname) == (ssl.TLSVersion.TLSv1_3, True)


# who may connect to whom


def of_job(component: str, *, namespace: str = "team-a", **changes: str) -> Endpoint:
    labels = templates.labels(replace(JOB, **changes), component)
    return Endpoint(namespace=namespace, labels={**labels, "more": "x"})


COORDINATOR, WORKER = of_job("coordinator"), of_job("worker")
OPERATOR = Endpoint(
    namespace="sunward-system",
    labels={"app.kubernetes.io/name": "sunward", "app.kubernetes.io/component": "operator", "pod-template-hash": "1"},
)
DNS = Endpoint(namespace="kube-system", labels={"k8s-app": "kube-dns"})
STRANGERS = [
    Endpoint(namespace="team-a"),
    Endpoint(namespace="team-a", labels={"app": "web"}),
    of_job("worker", name="other"),
    of_job("worker", uid="an earlier job of the same name"),
    of_job("worker", namespace="team-b"),
    of_job("coordinator", name="other"),
    Endpoint(namespace="team-a", labels=OPERATOR.labels),
    Endpoint(namespace="sunward-system", labels={"app.kubernetes.io/name": "sunward"}),
    Endpoint(namespace="kube-system", labels={"app": "kube-dns"}),
    Endpoint(namespace=None),
]
PORTS = (templates.PROGRESS_PORT, templates.SUPERLINK_PORT, templates.SHARD_PORT, 80, 443, 22)


def test_what_a_job_needs_passes() -> None:
    policies = a_door().network_policies()
    for port in (templates.PROGRESS_PORT, templates.SUPERLINK_PORT):
        assert may_connect(policies, WORKER, COORDINATOR, port)
    assert may_connect(policies, WORKER, WORKER, templates.SHARD_PORT)
    assert may_connect(policies, OPERATOR, COORDINATOR, templates.PROGRESS_PORT)
    for own in (COORDINATOR, WORKER):
        assert may_connect(policies, own, DNS, 53, "UDP")


def test_nothing_else_passes_in_either_direction() -> None:
    policies = a_door().network_policies()
    for own, stranger, port in product((COORDINATOR, WORKER), STRANGERS, (*PORTS, 53)):
        assert not may_connect(policies, stranger, own, port), (stranger, own, port)
        assert not may_connect(policies, own, stranger, port), (own, stranger, port)
    assert not may_connect(policies, OPERATOR, COORDINATOR, templates.SUPERLINK_PORT)
    assert not may_connect(policies, OPERATOR, WORKER, templates.SHARD_PORT)
    assert not may_connect(policies, COORDINATOR, WORKER, templates.SHARD_PORT)
    assert not may_connect(policies, WORKER, OPERATOR, 9810)


def test_shards_that_may_not_leave_have_no_port() -> None:
    job = replace(JOB, data_mobility=DataMobility.NEVER)
    policies = a_door(job).network_policies()
    assert not may_connect(policies, WORKER, WORKER, templates.SHARD_PORT)
    assert may_connect(policies, WORKER, COORDINATOR, templates.SUPERLINK_PORT)
    worker = pods.worker_pod(job, "pi-01", "pi-01", "10.96.0.5", Surroundings())
    container = worker["spec"]["containers"][0]
    assert "ports" not in container
    assert container["args"][container["args"].index("--data-mobility") + 1] == "Never"


def test_the_evaluator_leaves_pods_without_a_policy_open() -> None:
    other = Endpoint(namespace="team-b", labels={"app": "web"})
    assert may_connect(a_door().network_policies(), Endpoint(namespace="team-b"), other, 80)


def test_no_certificate_of_a_job_signs_another() -> None:
    authority = Authority(SEED, "job")
    made = (authority.coordinator(NOW), authority.worker("pi-01", None, NOW), authority.operator(NOW))
    for bundle in made:
        extensions = x509.load_pem_x509_certificate(bundle.certificate).extensions
        assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign

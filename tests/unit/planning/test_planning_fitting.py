"""Pods that leave a node find room elsewhere, or it is known beforehand that they do not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sunward.domain.cause import Cause
from sunward.domain.pods import (
    FreeCapacity,
    Needs,
    PodFacts,
    Requirement,
    Resources,
    SelectorOperator,
    Taint,
    Terms,
    Toleration,
    TolerationOperator,
)
from sunward.domain.reasons import Reason
from sunward.planning.guards.fitting import unsuited
from sunward.planning.guards.placing import Ground, place
from support.planning import a_pod, a_room, needing

SSD: tuple[Terms, ...] = (((Requirement(key="disk", operator=SelectorOperator.IN, values=("ssd",)),),),)
GPU = Taint(key="gpu", value="yes", effect="NoSchedule")


def suits(needs: Needs, room: FreeCapacity) -> bool:
    return unsuited(needs, room) is None


def unplaceable(pods: Sequence[PodFacts], rooms: Sequence[FreeCapacity]) -> tuple[PodFacts, ...]:
    return tuple(one.pod for one in place(pods, Ground(open=tuple(rooms))).left)


def left(*millicores: int, free_capacities: tuple[int, ...]) -> list[str]:
    pods = [a_pod(f"web-{n}", needs=needing(millicores=asked)) for n, asked in enumerate(millicores)]
    return [
        pod.name for pod in unplaceable(pods, [a_room(f"n{i}", millicores=r) for i, r in enumerate(free_capacities)])
    ]


def test_every_pod_takes_what_it_needs_of_the_room_that_it_finds() -> None:
    assert left(600, 400, 500, free_capacities=(1000, 500)) == []
    assert left(600, 600, free_capacities=(1000,)) == ["web-1"]
    assert left(100, free_capacities=()) == ["web-0"]


def test_the_largest_comes_first() -> None:
    assert left(300, 1000, free_capacities=(1000, 300)) == []


def test_memory_and_the_number_of_pods_run_out_too() -> None:
    pods = [a_pod(f"web-{n}", needs=needing(memory_bytes=100)) for n in range(2)]
    assert len(unplaceable(pods, [a_room(memory_bytes=150)])) == 1
    assert len(unplaceable(pods, [a_room(pods=1)])) == 1


def test_a_pod_that_asks_for_nothing_fits_where_others_asked_for_too_much() -> None:
    assert left(0, free_capacities=(-100,)) == []


def test_what_cannot_be_read_neither_fits_nor_offers_room() -> None:
    unread = Cause(Reason.UNREADABLE_QUANTITY, "requests.cpu: '2x' is not a Kubernetes quantity")
    unknown, known = a_pod("web-0", needs=Needs(requests=unread)), a_pod("web-1", needs=needing(millicores=100))
    assert unplaceable([unknown, known], [a_room()]) == (unknown,)
    assert unplaceable([known, a_pod("web-2")], [a_room(free=unread)]) == (known, a_pod("web-2"))
    assert unplaceable([known], [a_room("n1", free=unread), a_room("n2")]) == ()


@pytest.mark.parametrize(
    ("operator", "values", "label", "fits"),
    [
        (SelectorOperator.IN, ("ssd",), "ssd", True),
        (SelectorOperator.IN, ("ssd",), "hdd", False),
        (SelectorOperator.NOT_IN, ("ssd",), "hdd", True),
        (SelectorOperator.NOT_IN, ("ssd",), None, True),
        (SelectorOperator.NOT_IN, ("ssd",), "ssd", False),
        (SelectorOperator.EXISTS, (), "hdd", True),
        (SelectorOperator.EXISTS, (), None, False),
        (SelectorOperator.DOES_NOT_EXIST, (), None, True),
        (SelectorOperator.DOES_NOT_EXIST, (), "hdd", False),
        (SelectorOperator.GREATER_THAN, ("3",), "4", True),
        (SelectorOperator.GREATER_THAN, ("3",), "3", False),
        (SelectorOperator.LESS_THAN, ("3",), "2", True),
        (SelectorOperator.LESS_THAN, ("3",), "many", False),
        (None, ("3",), "3", False),
    ],
)
def test_labels_that_a_pod_asks_for(
    operator: SelectorOperator | None, values: tuple[str, ...], label: str | None, fits: bool
) -> None:
    needs = Needs(selectors=(((Requirement(key="disk", operator=operator, values=values),),),))
    assert suits(needs, a_room(labels=() if label is None else (("disk", label),))) is fits


def test_one_alternative_is_enough_and_every_selector_counts() -> None:
    here = Requirement(key="metadata.name", operator=SelectorOperator.IN, values=("n1",), is_name=True)
    fast = Requirement(key="disk", operator=SelectorOperator.IN, values=("ssd",))
    assert suits(Needs(selectors=(((here,), (fast,)),)), a_room("n1"))
    assert not suits(Needs(selectors=(((here,),), ((fast,),))), a_room("n1"))
    assert not suits(Needs(selectors=(((here, fast),),)), a_room("n1"))


@pytest.mark.parametrize(
    ("toleration", "fits"),
    [
        (None, False),
        (Toleration(key="gpu", value="yes"), True),
        (Toleration(key="gpu", value="no"), False),
        (Toleration(key="gpu", operator=TolerationOperator.EXISTS), True),
        (Toleration(operator=TolerationOperator.EXISTS), True),
        (Toleration(key="gpu", operator=TolerationOperator.EXISTS, effect="NoExecute"), False),
        (Toleration(key="other", operator=TolerationOperator.EXISTS), False),
        (Toleration(value="yes"), False),
        (Toleration(key="gpu", operator=None, value="yes"), False),
    ],
)
def test_taints_that_a_pod_puts_up_with(toleration: Toleration | None, fits: bool) -> None:
    needs = Needs(tolerations=() if toleration is None else (toleration,))
    assert suits(needs, a_room(taints=(GPU,))) is fits


ZONE_A = Requirement(key="zone", operator=SelectorOperator.IN, values=("a",))


def test_what_is_not_understood_and_volumes_elsewhere_suit_no_node() -> None:
    here = (((ZONE_A,),),)
    assert suits(Needs(volumes=here), a_room(labels=(("zone", "a"),)))
    assert not suits(Needs(volumes=here), a_room(labels=(("zone", "b"),)))
    assert not suits(Needs(unknown=Cause(Reason.UNPLACEABLE_POD, "spec.resourceClaims")), a_room())


def test_a_term_without_requirements_selects_no_node() -> None:
    assert not suits(Needs(selectors=(((),),)), a_room())


def test_devices_and_disk_run_out_too() -> None:
    gpu = Resources(pods=1, others=(("nvidia.com/gpu", 1),))
    pods = [a_pod(f"web-{n}", needs=Needs(requests=gpu)) for n in range(2)]
    assert len(unplaceable(pods, [a_room()])) == 2
    assert len(unplaceable(pods, [a_room(others=(("nvidia.com/gpu", 1),))])) == 1
    assert len(unplaceable(pods, [a_room(others=(("nvidia.com/gpu", 2),))])) == 0


def test_a_packing_that_only_luck_would_find_does_not_count() -> None:
    """The first may go to the larger node, and leave no room there for the one that can go nowhere else."""
    picky = Needs(requests=Resources(millicores=500, pods=1), selectors=(((ZONE_A,),),))
    pods = [a_pod("web-0", needs=needing(millicores=500)), a_pod("web-1", needs=picky)]
    rooms = [a_room("n1", millicores=600, labels=(("zone", "a"),)), a_room("n2", millicores=500)]
    assert [pod.name for pod in unplaceable(pods, rooms)] == ["web-1"]


def test_the_reason_says_what_stands_in_the_way_on_how_many_nodes() -> None:
    rooms = (a_room("n1", millicores=1), a_room("n2", taints=(GPU,)), a_room("n3", taints=(GPU,)))
    (found,) = place([a_pod(needs=needing(millicores=10))], Ground(open=rooms)).left
    assert found.why == "taint gpu on 2, too little cpu on 1"

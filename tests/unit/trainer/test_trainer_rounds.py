"""A round's orders, what arrives, what is missing, and what stays owed."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sunward_trainer.learning.averaging import Update
from sunward_trainer.protocol.rounds import Debt, Missing, MissingReason, RoundBook, WorkerOrder, WorkerReply, settle
from support.trainer import assignment, update

WORK = {"pi-01": [("a", "pi-01", 25)], "pi-02": [("b", "pi-02", 50), ("a", "pi-01", 25)]}


def _reply(order: WorkerOrder, *, number: int = 1, without: frozenset[str] = frozenset()) -> WorkerReply:
    """Everything the order asks for, except some shards, which are reported missing."""
    done = [pair for pair in order.pairs if pair.shard not in without]
    lost = [pair for pair in order.pairs if pair.shard in without]
    return WorkerReply(
        node=order.node,
        round_number=number,
        updates=tuple(update(pair.shard, order.node, pair.batches) for pair in done),
        missing=tuple(
            Missing(shard=p.shard, node=order.node, batches=p.batches, reason=MissingReason.ABANDONED) for p in lost
        ),
    )


def test_orders_follow_the_assignment_and_split_a_shard_without_overlap() -> None:
    orders = RoundBook(number=1).give_orders(assignment(WORK))
    assert [(o.node, [(p.shard, p.batches, p.first_batch) for p in o.pairs]) for o in orders] == [
        ("pi-01", [("a", 25, 0)]),
        ("pi-02", [("b", 50, 0), ("a", 25, 25)]),
    ]
    assert [order.batches for order in orders] == [25, 75]


def test_a_round_is_over_when_every_pair_has_answered() -> None:
    book = RoundBook(number=1)
    first, second = book.give_orders(assignment(WORK))
    assert book.waiting_for == ("pi-01", "pi-02")
    book.take(_reply(first))
    assert list(book.waiting_for) == ["pi-02"]
    book.take(_reply(second))
    assert not book.waiting_for
    assert book.arrived == {"a": 50, "b": 50}
    assert book.answered == ("pi-01", "pi-02")


def test_a_pair_counts_once_however_often_it_is_reported() -> None:
    book = RoundBook(number=1)
    first, _ = book.give_orders(assignment(WORK))
    book.take(_reply(first))
    book.take(_reply(first))
    assert book.arrived == {"a": 25}


def test_replies_to_another_round_or_from_somebody_not_asked_are_ignored() -> None:
    book = RoundBook(number=2)
    first, second = book.give_orders(assignment(WORK))
    book.take(_reply(first, number=1))
    book.take(_reply(WorkerOrder(node="pi-09", pairs=second.pairs), number=2))
    assert book.updates == []
    assert book.waiting_for == ("pi-01", "pi-02")


def test_a_worker_that_is_given_up_leaves_its_batches_missing_with_the_reason() -> None:
    book = RoundBook(number=1)
    first, _ = book.give_orders(assignment(WORK))
    book.take(_reply(first))
    book.give_up("pi-02", MissingReason.WORKER_GONE)
    book.give_up("pi-01", MissingReason.WORKER_GONE)  # has answered: nothing of it is missing
    assert {(m.shard, m.node, m.batches, m.reason) for m in book.missing} == {
        ("b", "pi-02", 50, MissingReason.WORKER_GONE),
        ("a", "pi-02", 25, MissingReason.WORKER_GONE),
    }
    assert book.waiting_for == ()


def test_a_second_try_asks_only_for_what_did_not_arrive_and_for_other_samples() -> None:
    book = RoundBook(number=1)
    first, second = book.give_orders(assignment(WORK))
    book.take(_reply(first))
    book.take(_reply(second, without=frozenset({"a"})))
    again = book.give_orders(assignment({"pi-01": [("a", "pi-01", 50)], "pi-02": [("b", "pi-02", 50)]}, plan="p2"))
    assert [(o.node, [(p.shard, p.batches, p.first_batch) for p in o.pairs]) for o in again] == [
        ("pi-01", [("a", 25, 50)])
    ]
    book.take(_reply(again[0]))
    assert book.arrived == {"a": 50, "b": 50}
    assert book.missing == []


def test_a_debt_is_paid_on_top_of_the_assignment_at_most_doubling_a_pair() -> None:
    orders = RoundBook(number=3, owed={"a": 30, "b": 80}).give_orders(assignment(WORK))
    assert [(o.node, [(p.shard, p.batches) for p in o.pairs]) for o in orders] == [
        ("pi-01", [("a", 50)]),
        ("pi-02", [("b", 100), ("a", 30)]),
    ]


def test_a_debt_of_a_shard_that_nobody_is_assigned_stays() -> None:
    book = RoundBook(number=3, owed={"c": 40})
    book.give_orders(assignment(WORK))
    after = settle(Debt(owed={"c": 40}), wanted=book.wanted, arrived=book.arrived, limit=50)
    assert after.owed == {"a": 50, "b": 50, "c": 40}


def test_what_exceeds_one_round_of_debt_is_written_off_and_counted() -> None:
    debt = Debt(owed={"a": 40})
    for expected in (30, 80, 130):
        debt = (
            settle(debt, wanted={"a": 50}, arrived={"a": 10}, limit=50)
            if expected == 30
            else settle(debt, wanted={"a": 50}, arrived={}, limit=50)
        )
        assert debt.owed == {"a": 50}
        assert debt.written_off == {"a": expected}


SHARDS = ("a", "b", "c")
ROUND = st.tuples(
    st.dictionaries(st.sampled_from(SHARDS), st.integers(0, 60)),  # wanted by the assignment
    st.sets(st.sampled_from(SHARDS)),  # shards whose batches are lost
)


@given(rounds=st.lists(ROUND, max_size=12), limit=st.integers(1, 60))
def test_every_wanted_batch_arrives_is_owed_or_is_written_off(
    rounds: list[tuple[dict[str, int], set[str]]], limit: int
) -> None:
    debt, wanted_ever, arrived_ever = Debt(), Counter[str](), Counter[str]()
    for number, (wanted, lost) in enumerate(rounds, start=1):
        book = RoundBook(number=number, owed=debt.owed)
        orders = book.give_orders(assignment({"pi-01": [(s, "pi-01", n) for s, n in wanted.items()]}))
        for order in orders:
            book.take(_reply(order, number=number, without=frozenset(lost)))
        debt = settle(debt, wanted=book.wanted, arrived=book.arrived, limit=limit)
        wanted_ever.update(wanted)
        arrived_ever.update(book.arrived)
        assert all(0 < batches <= limit for batches in debt.owed.values())
    for shard in SHARDS:
        kept = debt.owed.get(shard, 0) + debt.written_off.get(shard, 0)
        assert wanted_ever[shard] == arrived_ever[shard] + kept


def test_an_update_belongs_to_the_pair_that_was_ordered() -> None:
    book = RoundBook(number=1)
    first, _ = book.give_orders(assignment(WORK))
    stranger: Update = update("b", "pi-01", 10)
    book.take(WorkerReply(node=first.node, round_number=1, updates=(stranger,), missing=()))
    assert book.updates == []

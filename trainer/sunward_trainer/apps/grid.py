"""The Grid that is handed to a user's ServerApp: its nodes are virtual clients, and it waits where the plan says so."""

import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from flwr.app import Error, Message, MessageType, RecordDict
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid
from flwr.supercore.run import Run

from sunward_trainer.apps.clients import VirtualClient
from sunward_trainer.apps.envelope import Envelope, EnvelopeError, open_reply, seal
from sunward_trainer.apps.gate import Judged, judged, refusals, usual_change
from sunward_trainer.apps.session import RoundMetrics, Session
from sunward_trainer.learning.inspection import Refusal
from sunward_trainer.protocol.members import Member
from sunward_trainer.protocol.rounds import Missing, MissingReason

_POLL_SECONDS: Final = 0.05
_ABANDONED: Final = "Abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """A message of the strategy's that is under way, as which message to which of the worker's lives."""

    message: Message
    client: VirtualClient
    flower_node: int
    real: str
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """A reply for the strategy, and what the gate thinks of it; None for errors and for what is not training."""

    reply: Message
    sent: _Sent | None
    judged: Judged | None
    state: bytes = b""


class Carrier(Protocol):
    """How messages reach the Flower nodes of workers: the SuperLink's Grid."""

    @property
    def run(self) -> Run:
        """The run of the SuperLink."""

    def set_run(self, run: Run) -> None:
        """Set it."""

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Store messages; the ids of those accepted."""

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Replies that have arrived whole."""

    def withdraw(self, message_ids: Iterable[str]) -> None:
        """Forget messages and whatever arrives for them."""


class GovernedGrid(Grid):  # type: ignore[misc]  # Flower is not typed for strict checking
    """Safe to call from several threads: strategies of the old style send to each client from a thread of its own."""

    def __init__(
        self,
        grid: Carrier,
        session: Session,
        *,
        weight_key: str,
        norm_factor: float,
        round_timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._grid, self._session = grid, session
        self._weight_key, self._norm_factor = weight_key, norm_factor
        self._timeout_seconds, self._clock = round_timeout_seconds, clock
        self._lock = threading.RLock()
        self._sent: dict[str, _Sent] = {}
        self._answers: dict[str, _Answer] = {}
        self._usual: float | None = None

    def set_run(self, run: Run) -> None:
        """The run of the SuperLink."""
        self._grid.set_run(run)

    @property
    def run(self) -> Run:
        """The run of the SuperLink."""
        return self._grid.run

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """A message as the constructor makes it."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        """The clients of the round in work. An app that drives its rounds itself waits here for its next round."""
        session = self._session
        session.check_stopped()
        if session.has_loop:
            session.grow()
        elif session.has_trained:
            session.close_round(None, RoundMetrics())
            session.open_round()
        elif not session.clients:
            session.open_round()
        return [client.identity for client in session.clients if self._is_alive(client)]

    def _is_alive(self, client: VirtualClient) -> bool:
        member = self._session.members.find(client.node)
        return member is not None and self._session.members.is_alive(member)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Send messages to the workers of their clients. The ids by which replies are pulled."""
        return [self._push(message) for message in messages]

    def _push(self, message: Message) -> str:
        identity = str(uuid.uuid4())
        message.metadata.__dict__["_message_id"] = identity
        found = next((c for c in self._session.clients if c.identity == message.metadata.dst_node_id), None)
        member = None if found is None else self._session.members.find(found.node)
        if found is None or member is None or not self._is_alive(found):
            with self._lock:
                self._answers[identity] = _Answer(reply=_error(message, "is not there"), sent=None, judged=None)
            if found is not None and _is_training(message):
                self._session.missed(found, _missing(found, MissingReason.WORKER_ABSENT))
            return identity
        self._send(identity, message, found, member)
        return identity

    def _send(self, identity: str, message: Message, client: VirtualClient, member: Member) -> None:
        session = self._session
        envelope = Envelope(
            client=client,
            plan=session.plan,
            round_number=session.round_in_work,
            source=session.members.source(client.shard, client.home) if client.node != client.home else None,
            state=session.state_of(client),
        )
        real = Message(
            seal(message.content, envelope),
            member.flower_node,
            message.metadata.message_type,
            ttl=self._timeout_seconds * 2,
            group_id=message.metadata.group_id,
        )
        with self._lock:
            (accepted,) = self._grid.push_messages([real])
            self._sent[identity] = _Sent(
                message=message, client=client, flower_node=member.flower_node, real=accepted, since=self._clock()
            )
        session.members.ring(client.node)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Replies that have arrived, each looked at by itself."""
        return self._admitted(self._collected(set(message_ids)))

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """Send, and wait for every reply or the end of the time. Replies are compared with each other."""
        order = {identity: index for index, identity in enumerate(self.push_messages(messages))}
        waiting, found = set(order), list[_Answer]()
        until = None if timeout is None else self._clock() + timeout
        while waiting:
            self._session.check_stopped()
            arrived = self._collected(waiting)
            found += arrived
            waiting -= {answer.reply.metadata.reply_to_message_id for answer in arrived}
            if until is not None and self._clock() >= until:
                self._forget(waiting)
                break
            if waiting:
                time.sleep(_POLL_SECONDS)
        found.sort(key=lambda answer: order[answer.reply.metadata.reply_to_message_id])
        return self._admitted(found)

    def _forget(self, identities: Iterable[str]) -> None:
        """The strategy no longer waits for these."""
        with self._lock:
            for identity in identities:
                sent = self._sent.get(identity)
                if sent is not None:
                    self._give_up(identity, sent, MissingReason.TIMED_OUT)
                self._answers.pop(identity, None)

    def _collected(self, identities: set[str]) -> list[_Answer]:
        """What has come of these messages, also from workers that will not answer any more."""
        with self._lock:
            gone = {
                identity: reason
                for identity in identities
                if (sent := self._sent.get(identity)) is not None and (reason := self._why_gone(sent)) is not None
            }
            self._read_replies(identities)
            for identity, reason in gone.items():
                if (sent := self._sent.get(identity)) is not None:
                    self._give_up(identity, sent, reason)
            self._send_again(identities)
            return [self._answers.pop(identity) for identity in sorted(identities) if identity in self._answers]

    def _read_replies(self, identities: set[str]) -> None:
        by_real = {self._sent[identity].real: identity for identity in identities if identity in self._sent}
        if not by_real:
            return
        for reply in self._grid.pull_messages(list(by_real)):
            identity = by_real.get(reply.metadata.reply_to_message_id)
            if identity is not None and identity in self._sent:
                self._answers[identity] = self._answer(self._sent.pop(identity), reply)

    def _answer(self, sent: _Sent, reply: Message) -> _Answer:
        if not reply.has_content():
            reason = str(reply.error.reason) if reply.has_error() else "it lost its content"
            why = MissingReason.ABANDONED if reason.startswith(_ABANDONED) else MissingReason.FAILED
            return self._failed(sent, why, reason)
        try:
            content, state = open_reply(reply.content)
            training = _is_training(sent.message)
            found = judged(content, sent.message.content, self._weight_key) if training else None
        except EnvelopeError as error:
            return self._refused(sent, Refusal.UNREADABLE, str(error))
        except Exception as error:  # foreign bytes can make numpy and Flower fail in any way
            return self._refused(sent, Refusal.UNREADABLE, f"{type(error).__name__}: {error}")
        return _Answer(reply=Message(content, reply_to=sent.message), sent=sent, judged=found, state=state)

    def _admitted(self, answers: list[_Answer]) -> list[Message]:
        """The replies as the strategy gets them: what the gate refuses is an error reply."""
        training = [(answer, answer.judged) for answer in answers if answer.judged is not None]
        judgements = [judgement for _, judgement in training]
        verdicts = refusals(judgements, factor=self._norm_factor, usual=self._usual)
        refused = {id(answer): why for (answer, _), why in zip(training, verdicts, strict=True) if why is not None}
        sound = [judgement for judgement, why in zip(judgements, verdicts, strict=True) if why is None]
        self._usual = usual_change(sound) or self._usual
        return [self._final(answer, refused.get(id(answer))) for answer in answers]

    def _final(self, answer: _Answer, refusal: Refusal | None) -> Message:
        if answer.sent is None:
            return answer.reply
        if refusal is not None:
            return self._refused(answer.sent, refusal, "").reply
        self._session.keep_state(answer.sent.client, answer.state)
        if answer.judged is not None:
            self._session.trained(answer.sent.client)
        return answer.reply

    def _why_gone(self, sent: _Sent) -> MissingReason | None:
        """Why there is no point in waiting for the worker any longer, or None."""
        members = self._session.members
        member = members.find(sent.client.node)
        if member is None or (not member.left and not members.is_alive(member)):
            return MissingReason.WORKER_GONE
        if member.left:
            return MissingReason.WORKER_LEFT
        return MissingReason.TIMED_OUT if self._clock() - sent.since > self._timeout_seconds else None

    def _give_up(self, identity: str, sent: _Sent, reason: MissingReason) -> None:
        self._grid.withdraw([sent.real])
        del self._sent[identity]
        self._answers[identity] = self._failed(sent, reason, "")

    def _send_again(self, identities: set[str]) -> None:
        """What a worker that has started anew does not know of."""
        for identity in identities:
            sent = self._sent.get(identity)
            member = None if sent is None else self._session.members.find(sent.client.node)
            if sent is not None and member is not None and member.flower_node != sent.flower_node:
                self._grid.withdraw([sent.real])
                self._send(identity, sent.message, sent.client, member)

    def _failed(self, sent: _Sent, reason: MissingReason, detail: str, refusal: Refusal | None = None) -> _Answer:
        if _is_training(sent.message):
            self._session.missed(sent.client, _missing(sent.client, reason, detail, refusal))
        why = f"{refusal or reason}: {detail}".removesuffix(": ")
        return _Answer(reply=_error(sent.message, why), sent=None, judged=None)

    def _refused(self, sent: _Sent, refusal: Refusal, detail: str) -> _Answer:
        return self._failed(sent, MissingReason.REFUSED, detail, refusal)


def _is_training(message: Message) -> bool:
    return str(message.metadata.message_type).split(".")[0] == str(MessageType.TRAIN)


def _error(message: Message, why: str) -> Message:
    return Message(Error(ErrorCode.NODE_UNAVAILABLE, why), reply_to=message)


def _missing(client: VirtualClient, reason: MissingReason, detail: str = "", refusal: Refusal | None = None) -> Missing:
    return Missing(
        shard=client.shard,
        node=client.node,
        batches=client.batches,
        reason=reason,
        detail=detail[:500],
        refusal=refusal,
    )

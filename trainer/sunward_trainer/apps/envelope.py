"""What travels beside an app's own records: which virtual client a message is for, and that client's state.

The app sees none of it. The coordinator keeps each client's state and sends it along, so that it moves with the shard.
"""

import json
from dataclasses import asdict, dataclass
from typing import Final

from flwr.app import ConfigRecord, RecordDict
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto
from flwr.proto.recorddict_pb2 import RecordDict as ProtoRecordDict

from sunward_trainer.apps.clients import VirtualClient
from sunward_trainer.protocol.members import Source

KEY: Final = "sunward.dev/envelope"
LARGEST_STATE_BYTES: Final = 64 << 20


class EnvelopeError(ValueError):
    """The message carries no envelope of ours, or one that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Of a message to a client: its plan and round, where its shard can be fetched, and its state as bytes."""

    client: VirtualClient
    plan: str
    round_number: int
    source: Source | None
    state: bytes


def seal(content: RecordDict, envelope: Envelope) -> RecordDict:
    """The app's records with the envelope beside them."""
    document = {
        "client": asdict(envelope.client),
        "plan": envelope.plan,
        "round_number": envelope.round_number,
        "source": None if envelope.source is None else asdict(envelope.source),
    }
    return _beside(content, ConfigRecord({"json": json.dumps(document), "state": envelope.state}))


def open_envelope(content: RecordDict) -> tuple[RecordDict, Envelope]:
    """The app's own records, and the envelope. Raises EnvelopeError."""
    try:
        record = content.config_records[KEY]
        document = json.loads(str(record["json"]))
        source = document["source"]
        envelope = Envelope(
            client=VirtualClient(**document["client"]),
            plan=document["plan"],
            round_number=document["round_number"],
            source=None if source is None else Source(**source),
            state=_bytes(record["state"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EnvelopeError(f"{type(error).__name__}: {error}") from error
    return _without(content), envelope


def seal_reply(content: RecordDict, state: bytes) -> RecordDict:
    """A client's records with its new state beside them."""
    return _beside(content, ConfigRecord({"state": state}))


def open_reply(content: RecordDict) -> tuple[RecordDict, bytes]:
    """The app's own records, and the client's state. Raises EnvelopeError."""
    try:
        state = _bytes(content.config_records[KEY]["state"])
    except (KeyError, TypeError, ValueError) as error:
        raise EnvelopeError(f"{type(error).__name__}: {error}") from error
    return _without(content), state


def pack_state(state: RecordDict) -> bytes:
    """A client's state as bytes; empty for a state without records. Raises EnvelopeError when it is too large."""
    content: bytes = recorddict_to_proto(state).SerializeToString() if state else b""
    if len(content) > LARGEST_STATE_BYTES:
        raise EnvelopeError(f"the client's state has {len(content)} bytes; {LARGEST_STATE_BYTES} are the most")
    return content


def unpack_state(content: bytes) -> RecordDict:
    """The state that these bytes are."""
    return recorddict_from_proto(ProtoRecordDict.FromString(content)) if content else RecordDict()


def _beside(content: RecordDict, record: ConfigRecord) -> RecordDict:
    return RecordDict({**dict(content.items()), KEY: record})


def _without(content: RecordDict) -> RecordDict:
    return RecordDict({name: record for name, record in content.items() if name != KEY})


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"state is {type(value).__name__}, not bytes")
    return value

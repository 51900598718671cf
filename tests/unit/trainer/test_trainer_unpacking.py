"""A reply's objects as they come from a worker: what cannot be unpacked becomes a message without content."""

from typing import Any

import pytest
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.app.message import remove_content_from_message
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects
from flwr.supercore.task_identity import TaskIdentity

from sunward_trainer.coordinator import superlink
from sunward_trainer.coordinator.superlink import inflated
from sunward_trainer.protocol.records import ReplyError, reply_from_record


@pytest.fixture(autouse=True)
def _run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flower stamps messages with the run of the process."""
    for name in ("_run_id", "_node_id", "_task_id"):
        monkeypatch.setattr(TaskIdentity, name, 1)


def a_message() -> tuple[Message, dict[str, bytes]]:
    """A message without its content, and the bytes of every object that it is made of."""
    whole = Message(RecordDict({"document": ConfigRecord({"json": "{}"})}), 7, "train")
    whole.metadata.__dict__["_message_id"] = whole.object_id
    objects = get_all_nested_objects(whole)
    return remove_content_from_message(whole), {name: one.deflate() for name, one in objects.items()}


def test_a_message_gets_its_content_back() -> None:
    bare, contents = a_message()
    assert "document" in inflated(bare, contents).content


@pytest.mark.parametrize(
    "rubbish", [b"", b"rubbish", b"Message 5\0", b"\0" * 100], ids=["none", "word", "head", "zeros"]
)
def test_bytes_that_are_no_object_leave_the_message_empty_and_the_reader_refuses_it(rubbish: bytes) -> None:
    bare, contents = a_message()
    spoilt: dict[str, Any] = dict.fromkeys(contents, rubbish)
    with pytest.raises(ReplyError):
        reply_from_record(inflated(bare, spoilt).content)


def test_a_reply_beyond_any_model_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bare, contents = a_message()
    monkeypatch.setattr(superlink, "LARGEST_REPLY_BYTES", 10)
    assert not inflated(bare, contents).content

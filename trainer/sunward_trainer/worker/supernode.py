"""Flower's SuperNode inside the worker's process.

The stock SuperNode starts a process for each message and looks for messages every three seconds. This one
speaks the same Fleet API with the same client, but waits for the coordinator's doorbell and calls the
ClientApp in the process that it is in. Only this module and `superlink` know Flower's inside.
"""

import os
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("FLWR_DISABLE_UPDATE_CHECK", "1")

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.app import Context, Error, Message, RecordDict
from flwr.app.message import remove_content_from_message
from flwr.common.constant import HEARTBEAT_DEFAULT_INTERVAL, TIMESTAMP_HEADER, ErrorCode
from flwr.common.serde import message_to_proto
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    DeactivateNodeRequest,
    PullMessagesRequest,
    PushMessagesRequest,
    RegisterNodeFleetRequest,
    UnregisterNodeFleetRequest,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest
from flwr.proto.message_pb2 import ConfirmMessageReceivedRequest
from flwr.proto.node_pb2 import Node
from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER, FLEET_HTTP_SIGNATURE_HEADER
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_tree,
    no_object_id_recompute,
)
from flwr.supercore.inflatable.inflatable_protobuf_utils import (
    make_pull_object_fn_protobuf,
    make_push_object_fn_protobuf,
)
from flwr.supercore.inflatable.inflatable_utils import pull_and_inflate_object_from_tree, push_objects
from flwr.supercore.primitives.asymmetric import generate_key_pairs, public_key_to_bytes, sign_message
from flwr.supercore.protobuf.client import ProtobufCall, ProtobufRequestContext
from flwr.supernode.fleet_http_client import FleetHttpClient

from sunward_trainer.protocol.credentials import Credentials
from sunward_trainer.protocol.identity import COORDINATOR_NAME

CONNECTION_ERRORS: Final = (httpx.HTTPError,)


class Signature:
    """Signs each call as the SuperLink's NodeAuthMiddleware expects it: the time, with the node's key.

    Flower's own interceptor does the same, but importing it imports a web framework into every worker, which
    costs 18 MiB and most of a second of CPU at each start.
    """

    def __init__(self, private_key: ec.EllipticCurvePrivateKey, public_key: bytes) -> None:
        self._private_key = private_key
        self._public_key = b64encode(public_key).decode("ascii")

    def intercept(self, context: ProtobufRequestContext, call_next: ProtobufCall) -> httpx.Response:
        """Add the headers, and the name that the server has to prove, and go on."""
        signed_at = datetime.now(UTC).isoformat()
        signature = sign_message(self._private_key, signed_at.encode("ascii"))
        context.request.headers.update(
            {
                FLEET_HTTP_PUBLIC_KEY_HEADER: self._public_key,
                TIMESTAMP_HEADER: signed_at,
                FLEET_HTTP_SIGNATURE_HEADER: b64encode(signature).decode("ascii"),
            }
        )
        context.request.extensions["sni_hostname"] = COORDINATOR_NAME
        answer: httpx.Response = call_next(context)
        return answer


class SuperNode:
    """A connection to the SuperLink as one node, with a fresh key pair.

    The key pair authenticates the Flower node; `credentials`, None with --insecure only, tell whose node it is.
    """

    def __init__(
        self, server_address: str, app: Callable[[Message, Context], Message], credentials: Credentials | None
    ) -> None:
        private_key, public_key = generate_key_pairs()
        self._key = public_key_to_bytes(public_key)
        self._app = app
        self._client = FleetHttpClient(
            f"{'http' if credentials is None else 'https'}://{server_address}",
            interceptors=[Signature(private_key, self._key)],
            verify=False if credentials is None else credentials.client,
        )
        self._node = Node()

    @property
    def node_id(self) -> int:
        """The id that the SuperLink gave this node."""
        return int(self._node.node_id)

    def __enter__(self) -> Self:
        """Register and activate. Raises httpx.HTTPError when the SuperLink does not answer."""
        self._client.RegisterNode(RegisterNodeFleetRequest(public_key=self._key))
        request = ActivateNodeRequest(public_key=self._key, heartbeat_interval=HEARTBEAT_DEFAULT_INTERVAL)
        self._node = Node(node_id=self._client.ActivateNode(request).node_id)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Deactivate and unregister, if the SuperLink still listens."""
        try:
            self._client.DeactivateNode(DeactivateNodeRequest(node_id=self.node_id))
            self._client.UnregisterNode(UnregisterNodeFleetRequest(node_id=self.node_id))
        except CONNECTION_ERRORS:
            pass  # the SuperLink notices a silent node by itself
        finally:
            self._client.close()

    def heartbeat(self) -> bool:
        """Tell the SuperLink that this node lives. False when it does not know the node."""
        request = SendNodeHeartbeatRequest(node=self._node, heartbeat_interval=HEARTBEAT_DEFAULT_INTERVAL)
        return bool(self._client.SendNodeHeartbeat(request).success)

    def answer_one(self) -> bool:
        """Pull one message, hand it to the ClientApp, push the reply. False when there was no message."""
        message = self._pull()
        if message is None:
            return False
        started = time.perf_counter()
        reply = self._call(message)
        self._push(reply, seconds=time.perf_counter() - started)
        return True

    def _call(self, message: Message) -> Message:
        context = Context(
            run_id=message.metadata.run_id,
            node_id=self.node_id,
            node_config={},
            state=RecordDict(),
            run_config={},
        )
        try:
            return self._app(message, context)
        except Exception as error:
            # As the stock runtime does: an error in the app is a reply, not the end of the node.
            reason = f"{type(error).__name__}: {error}"
            return Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, reason), reply_to=message)

    def _pull(self) -> Message | None:
        found = self._client.PullMessages(PullMessagesRequest(node=self._node))
        if not found.messages_list:
            return None
        run_id, tree = found.messages_list[0].metadata.run_id, found.message_object_trees[0]

        def confirm(object_id: str) -> None:
            self._client.ConfirmMessageReceived(
                ConfirmMessageReceivedRequest(node=self._node, run_id=run_id, message_object_id=object_id)
            )

        pull: Callable[[str], bytes] = make_pull_object_fn_protobuf(self._client.PullObject, self._node, run_id)
        message = pull_and_inflate_object_from_tree(tree, pull, confirm, return_type=Message)
        message.metadata.__dict__["_message_id"] = tree.object_id
        return message

    def _push(self, reply: Message, *, seconds: float) -> None:
        reply.metadata.__dict__["_message_id"] = reply.object_id
        with no_object_id_recompute():
            answer = self._client.PushMessages(
                PushMessagesRequest(
                    node=self._node,
                    messages_list=[message_to_proto(remove_content_from_message(reply))],
                    message_object_trees=[get_object_tree(reply)],
                    clientapp_runtime_list=[seconds],
                )
            )
            push = make_push_object_fn_protobuf(
                self._client.PushObject, self._node, reply.metadata.run_id, answer.session_id
            )
            push_objects(get_all_nested_objects(reply), push, object_ids_to_push=set(answer.objects_to_push))

"""A page's WebSocket without a browser: what a program that knows the protocol can ask for, and every byte it gets."""

import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from actions import sign_in
from actions.users import find_user
from actions.viewer import Viewer
from settings import load
from store.opening import attach_store
from tests.launch import RunningApp

PATIENCE = 120.0


@dataclass(slots=True)
class Heard:
    """What one page run sent: the session's id and all frames."""

    session_id: str = ""
    frames: list[bytes] = field(default_factory=list)

    @property
    def everything(self) -> str:
        """All bytes as text, for looking words up."""
        return b"\n".join(self.frames).decode("utf-8", "replace")


def session_cookie(app: RunningApp, email: str) -> str:
    """The Cookie header of a freshly signed-in user, by the product's own actions beside the running app."""
    settings = load({"DATA_DIR": str(app.data_dir)})
    store = attach_store(settings)
    try:
        user = find_user(store, email)
        assert user is not None
        viewer, now = Viewer(user.id, user.company_id, user.role, user.name, user.email), datetime.now(UTC)
        ticket = sign_in.make_ticket(store, viewer, visit="visit", now=now)
        token = sign_in.enter(store, settings, ticket, visit="visit", address="127.0.0.1", now=now)
    finally:
        store.close()
    return f"sourceboard={token}; sourceboard-visit=visit"


def open_stream(
    app: RunningApp, *, cookie: str = "", existing: str = "", origin: str | None = None, host: str = "", **more: str
) -> ClientConnection:
    """Shakes hands as the page does; `existing` is a session id to take up again, `more` other headers."""
    headers = ({"Cookie": cookie} if cookie else {}) | more
    address, _, port = app.host.rpartition(":")
    return connect(
        f"ws://{host or app.host}/_stcore/stream",
        sock=socket.create_connection((address, int(port)), timeout=PATIENCE),
        origin=origin,  # type: ignore[arg-type]
        additional_headers=headers,
        subprotocols=["streamlit", "no-xsrf", existing] if existing else ["streamlit"],  # type: ignore[list-item]
        proxy=None,
        open_timeout=PATIENCE,
        # Who is busy may be late with an answer to a ping, too.
        ping_interval=None,
        max_size=None,
    )


def run_page(stream: ClientConnection, page: str = "", query: str = "") -> Heard:
    """Asks for one run of a page and returns what came until it ended."""
    asked = BackMsg()
    asked.rerun_script.page_name = page
    asked.rerun_script.query_string = query
    stream.send(asked.SerializeToString())
    return hear(stream)


def hear(stream: ClientConnection) -> Heard:
    """Reads frames until a script run ends, and no other is about to begin in its place."""
    heard = Heard()
    while True:
        frame = stream.recv(timeout=PATIENCE)
        assert isinstance(frame, bytes)
        heard.frames.append(frame)
        message = ForwardMsg.FromString(frame)
        kind = message.WhichOneof("type")
        if kind == "new_session":
            heard.session_id = message.new_session.initialize.session_id
        if kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return heard

"""Attacks on the page's WebSocket: foreign origins, stolen session ids, ended sessions, broken frames."""

import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from actions import sign_in, users
from actions.viewer import Viewer
from settings import load
from store.opening import attach_store
from store.tables.columns import utc_now
from tests.launch import RunningApp
from tests.people import ADMIN, MANAGER
from tests.web.streams import PATIENCE, open_stream, run_page, session_cookie

COMPANY = "Acme"


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", ""),
        ("http://localhost:3000", ""),
        ("null", ""),
        ("http://attacker.example", "attacker.example"),
        (None, "attacker.example"),
        ("http://127.0.0.1", ""),
    ],
)
def test_it_refuses_foreign_origins_and_hosts(app: RunningApp, origin: str | None, host: str) -> None:
    with pytest.raises(InvalidStatus) as refused, open_stream(app, origin=origin, host=host):
        pass
    assert refused.value.response.status_code == 403


def test_it_accepts_its_own_origin(app: RunningApp) -> None:
    with open_stream(app, origin=app.url, cookie="sourceboard-visit=v") as stream:
        assert "Sign in" in run_page(stream).everything


def test_a_session_id_is_no_credential_for_a_stranger(app: RunningApp) -> None:
    with open_stream(app, cookie=session_cookie(app, ADMIN)) as stream:
        signed_in = run_page(stream)
        assert COMPANY in signed_in.everything
        # While it is open, and once it has been dropped and waits to be taken up again.
        with open_stream(app, existing=signed_in.session_id) as thief:
            stolen = run_page(thief)
    for heard in (stolen, _attach(app, signed_in.session_id), _attach(app, signed_in.session_id, MANAGER)):
        assert heard.session_id != signed_in.session_id
    assert COMPANY not in stolen.everything
    assert COMPANY not in _attach(app, signed_in.session_id).everything


def _attach(app: RunningApp, session_id: str, email: str = ""):
    cookie = session_cookie(app, email) if email else ""
    with open_stream(app, cookie=cookie, existing=session_id) as stream:
        return run_page(stream)


def test_the_owner_may_take_the_session_up_again(app: RunningApp) -> None:
    cookie = session_cookie(app, ADMIN)
    with open_stream(app, cookie=cookie) as stream:
        first = run_page(stream)
    deadline = time.monotonic() + PATIENCE
    while True:
        with open_stream(app, cookie=cookie, existing=first.session_id) as stream:
            if run_page(stream).session_id == first.session_id:
                return
        # The server may not have heard yet that we went: who is there cannot come back.
        assert time.monotonic() < deadline, "the session was never handed over"


def test_nobody_can_name_the_identity_header(app: RunningApp) -> None:
    cookie = session_cookie(app, ADMIN)
    with open_stream(app, cookie=cookie) as stream:
        first = run_page(stream)
    settings = load({"DATA_DIR": str(app.data_dir)})
    store = attach_store(settings)
    token = cookie.partition("=")[2].partition(";")[0]
    identity = f"{sign_in.token_hash(store, token)}:admin"
    store.close()
    named = {"X-Sourceboard-Session": identity}
    with open_stream(app, existing=first.session_id, **named) as stream:
        assert run_page(stream).session_id != first.session_id


def test_an_open_socket_ends_with_its_session(app: RunningApp) -> None:
    cookie = session_cookie(app, MANAGER)
    settings = load({"DATA_DIR": str(app.data_dir)})
    store = attach_store(settings)
    try:
        with open_stream(app, cookie=cookie) as stream:
            assert COMPANY in run_page(stream).everything
            token = cookie.partition("=")[2].partition(";")[0]
            assert sign_in.leave(store, settings, token, now=utc_now())
            with pytest.raises(ConnectionClosed):
                run_page(stream)
    finally:
        store.close()


def test_a_broken_frame_ends_the_socket_without_a_trace(app: RunningApp) -> None:
    with open_stream(app) as stream:
        stream.send(b"\xff\xfe not a message")
        frames: list[bytes] = []
        with pytest.raises(ConnectionClosed) as closed:
            frames.extend(iter(lambda: bytes(stream.recv(timeout=PATIENCE)), None))
    assert b"Traceback" not in b"".join(frames)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1002


def test_a_lost_role_ends_the_open_socket(app: RunningApp) -> None:
    store = attach_store(load({"DATA_DIR": str(app.data_dir)}))
    try:
        admin, member = users.find_user(store, ADMIN), users.find_user(store, MANAGER)
        assert admin is not None
        assert member is not None
        viewer = Viewer(admin.id, admin.company_id, admin.role, admin.name, admin.email)
        users.change_user(store, viewer, member.id, now=utc_now(), role="admin")
        with open_stream(app, cookie=session_cookie(app, MANAGER)) as stream:
            assert "not allowed" not in run_page(stream, "Sync_jobs").everything
            users.change_user(store, viewer, member.id, now=utc_now(), role="hiring_manager")
            with pytest.raises(ConnectionClosed):
                run_page(stream, "Sync_jobs")
        with open_stream(app, cookie=session_cookie(app, MANAGER)) as stream:
            assert "not allowed" in run_page(stream, "Sync_jobs").everything
    finally:
        store.close()

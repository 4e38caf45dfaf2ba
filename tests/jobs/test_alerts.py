"""Troubles are told once and so is their end; a message that may have arrived is never sent again."""

import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from sqlmodel import select

from jobs import mail
from jobs.alerts import tell_alerts
from settings import Settings
from store.engine import run_writing
from store.opening import Store
from store.tables import Alert, Company, Mail, PlatformConfig, User
from store.writes.alerts import Trouble, raise_alert, settle_alerts
from store.writes.mail import Message, post, take_due
from tests.jobs.postbox import Postbox, mail_server

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, int]]:
    box = Postbox()
    with mail_server(box) as port:
        yield box, port


@pytest.fixture
def settings(database_url: str, postbox: tuple[Postbox, int]) -> Settings:
    return Settings(
        database_url=database_url, smtp_url=f"smtp://127.0.0.1:{postbox[1]}", public_url="https://hiring.example"
    )


@pytest.fixture
def people(store: Store, company: Company) -> Company:
    with store.writing() as session:
        for name, role, active in (("ann", "admin", True), ("bea", "admin", True), ("old", "admin", False)):
            session.add(User(company_id=company.id, email=f"{name}@harbour.example", role=role, is_active=active))
        session.add(User(company_id=company.id, email="max@harbour.example", role="hiring_manager"))
    return company


def fail(store: Store, config: PlatformConfig, times: int = 1, cause: str = "auth_revoked") -> None:
    trouble = Trouble(config.company_id, config.id, cause, "critical", "invalid_grant")
    for _ in range(times):
        run_writing(store.engine, lambda session: raise_alert(session, trouble, now=NOW))


def send_all(store: Store, settings: Settings, now: datetime = NOW) -> list[str]:
    states = []
    while (state := mail.send_next(store, settings, now=lambda: now)) is not None:
        states.append(state)
    return states


def test_every_active_admin_is_told_once_however_many_errors(
    store: Store, settings: Settings, people: Company, config: PlatformConfig, postbox: tuple[Postbox, int]
) -> None:
    fail(store, config, times=5)
    assert tell_alerts(store, settings, NOW) == 1
    assert tell_alerts(store, settings, NOW) == 0
    fail(store, config, times=2)
    assert tell_alerts(store, settings, NOW) == 0
    assert send_all(store, settings) == ["sent", "sent"]
    assert sorted(to for tos, _ in postbox[0].taken for to in tos) == ["ann@harbour.example", "bea@harbour.example"]
    message = postbox[0].taken[0][1]
    assert "taken back" in message["Subject"]
    assert "Reconnect the platform." in message.get_content()
    assert "https://hiring.example/Platforms" in message.get_content()
    with store.reading() as session:
        assert session.exec(select(Alert)).one().errors == 7


def test_the_end_of_a_trouble_is_told_to_who_heard_of_it(
    store: Store, settings: Settings, people: Company, config: PlatformConfig, postbox: tuple[Postbox, int]
) -> None:
    fail(store, config)
    tell_alerts(store, settings, NOW)
    run_writing(store.engine, lambda session: settle_alerts(session, config.id, now=NOW))
    assert tell_alerts(store, settings, NOW) == 1
    assert tell_alerts(store, settings, NOW) == 0
    send_all(store, settings)
    assert sum("works again" in message["Subject"] for _, message in postbox[0].taken) == 2
    fail(store, config)
    assert tell_alerts(store, settings, NOW) == 1, "a trouble that comes back is a new one"


def test_what_came_and_went_unseen_needs_no_message(
    store: Store, settings: Settings, people: Company, config: PlatformConfig
) -> None:
    fail(store, config)
    run_writing(store.engine, lambda session: settle_alerts(session, config.id, now=NOW))
    assert tell_alerts(store, settings, NOW) == 1
    assert send_all(store, settings) == []


@pytest.mark.parametrize(
    ("mood", "state"), [("greylist", "waiting"), ("refuse", "refused"), ("drop", "unknown"), ("", "sent")]
)
def test_what_the_server_does_decides_what_becomes_of_a_mail(
    store: Store,
    settings: Settings,
    company: Company,
    postbox: tuple[Postbox, int],
    mood: str,
    state: str,
) -> None:
    box, _ = postbox
    box.mood = mood
    post_one(store, company)
    assert send_all(store, settings) == [state]
    box.mood = ""
    later = NOW + timedelta(hours=7)
    assert send_all(store, settings, later) == (["sent"] if state == "waiting" else [])
    assert len(box.taken) == (0 if state == "refused" else 1), "never twice"


def test_a_mail_server_that_is_away_is_tried_again_and_given_up_in_the_end(
    store: Store, settings: Settings, company: Company
) -> None:
    away = replace(settings, smtp_url="smtp://127.0.0.1:9")
    post_one(store, company)
    now, states = NOW, []
    for _ in range(mail.MOST_ATTEMPTS):
        states += send_all(store, away, now)
        now += timedelta(hours=7)
    assert states == ["waiting"] * (mail.MOST_ATTEMPTS - 1) + ["dead"]


def test_a_worker_that_died_before_sending_costs_nothing_and_one_that_died_while_sending_is_not_repeated(
    store: Store, settings: Settings, company: Company, postbox: tuple[Postbox, int]
) -> None:
    for key in ("early", "late"):
        post_one(store, company, key)
    for state in ("waiting", "sending"):
        due = run_writing(store.engine, lambda session: take_due(session, store.vault, "gone", now=NOW))
        assert due is not None
        with store.writing() as session:
            row = session.get_one(Mail, due.id)
            row.state = state
            session.add(row)
    assert send_all(store, settings) == []
    assert send_all(store, settings, NOW + timedelta(minutes=4)) == ["sent"]
    with store.reading() as session:
        assert sorted(row.state for row in session.exec(select(Mail))) == ["sent", "unknown"]
    assert len(postbox[0].taken) == 1


def test_two_workers_never_send_the_same_mail(store: Store, company: Company) -> None:
    post_one(store, company)
    first = run_writing(store.engine, lambda session: take_due(session, store.vault, "one", now=NOW))
    assert first is not None
    assert run_writing(store.engine, lambda session: take_due(session, store.vault, "two", now=NOW)) is None


def test_nothing_can_be_slipped_into_a_header(
    store: Store, settings: Settings, company: Company, postbox: tuple[Postbox, int]
) -> None:
    message = Message(
        company.id, "alert", "email", "k", "ann@harbour.example", "Hi\r\nBcc: x@evil.example", {"text": "t"}
    )
    run_writing(store.engine, lambda session: post(session, store.vault, message, now=NOW))
    assert send_all(store, settings) == ["sent"]
    ((recipients, seen),) = postbox[0].taken
    assert recipients == ["ann@harbour.example"]
    assert seen["Bcc"] is None
    assert seen["Subject"] == "Hi Bcc: x@evil.example"


def test_who_gets_what_is_sealed_in_the_outbox(store: Store, company: Company) -> None:
    post_one(store, company)
    with store.reading() as session:
        written = session.exec(select(Mail)).one().model_dump_json()
    assert "ann@harbour.example" not in written
    assert "the words" not in written


def test_alerts_go_to_a_webhook_and_to_sentry_without_secrets(
    store: Store, settings: Settings, people: Company, config: PlatformConfig, listener: "Listener"
) -> None:
    base = f"127.0.0.1:{listener.port}"
    both = replace(settings, smtp_url="", alert_webhook_url=f"http://{base}/hook", sentry_dsn=f"http://key@{base}/7")
    fail(store, config)
    tell_alerts(store, both, NOW)
    assert send_all(store, both) == ["sent", "sent"]
    assert listener.wait_for("/hook")
    told = json.loads(listener.wait_for("/hook"))
    assert told["event"] == "alert.opened"
    assert told["cause"] == "auth_revoked"
    assert "auth_revoked" in listener.wait_for("/api/7/envelope/")


@pytest.mark.parametrize(("status", "state"), [(200, "sent"), (500, "waiting"), (429, "waiting"), (410, "refused")])
def test_what_a_webhook_answers_decides(
    store: Store, settings: Settings, company: Company, listener: "Listener", status: int, state: str
) -> None:
    listener.status = status
    post_one(store, company, channel="webhook", to=f"http://127.0.0.1:{listener.port}/hook")
    assert send_all(store, settings) == [state]


def post_one(
    store: Store, company: Company, key: str = "k", channel: str = "email", to: str = "ann@harbour.example"
) -> None:
    message = Message(company.id, "alert", channel, key, to, "A subject", {"text": "the words", "facts": {}})
    assert run_writing(store.engine, lambda session: post(session, store.vault, message, now=NOW))
    assert not run_writing(store.engine, lambda session: post(session, store.vault, message, now=NOW))


class Listener:
    """An HTTP server that takes what is posted to it."""

    def __init__(self) -> None:
        self.status, self.seen = 200, dict[str, str]()
        self.arrived = threading.Condition()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                with listener.arrived:
                    listener.seen[self.path] = body.decode()
                    listener.arrived.notify_all()
                self.send_response(listener.status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def wait_for(self, path: str) -> str:
        with self.arrived:
            assert self.arrived.wait_for(lambda: path in self.seen, timeout=60), self.seen
            return self.seen[path]


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.server.shutdown()
    found.server.server_close()
    found.thread.join(60)

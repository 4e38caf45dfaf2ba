"""The client against servers that lie, stall, drip, break off and send elsewhere."""

import gzip
import logging
import socket
import struct
import threading
import time
import tracemalloc

import httpx
import pytest

from connectors.answers import Answer
from connectors.errors import AuthExpired, ConfigError, ConnectorError, RateLimited, Rejected, SchemaDrift, Transient
from connectors.http import ATTEMPTS, PATIENCE_SECONDS, Ask
from connectors.redaction import MASK
from tests.connectors.rig import NOW, Client, Probe, client
from tests.connectors.scripted import answer, saying, serving
from tests.waiting import until

URL = "https://api.example.test/v1/things"
GOOD = answer(b'{"ok":true}')


def asked(server_reply, **options) -> tuple[Client, ConnectorError | None, float]:
    """One GET against a reply: the client afterwards, the error, the seconds it took."""
    with serving(server_reply) as server, client(server.url, **options) as rig:
        started = time.monotonic()
        try:
            rig.http.get(URL)
            error = None
        except ConnectorError as caught:
            error = caught
        return rig, error, time.monotonic() - started


def test_it_reads_json_and_counts_what_it_cost():
    with serving(saying(GOOD)) as server, client(server.url) as rig:
        assert rig.http.get(URL, {"page": "2"}).decode(dict[str, bool]) == {"ok": True}
    assert (rig.http.usage.requests, rig.http.usage.bytes, len(rig.spent)) == (1, 11, 1)
    head = server.requests[0].lower()
    assert head.startswith(b"get /v1/things?page=2 http/1.1")
    assert b"user-agent: sourceboard/" in head
    assert b"python" not in head


def test_it_asks_the_budget_before_every_request_and_obeys_it():
    with serving(saying(GOOD)) as server, client(server.url) as rig:

        def refuse() -> None:
            raise RateLimited(NOW.replace(month=12), cause="budget")

        rig.http._spend = refuse
        with pytest.raises(RateLimited) as caught:
            rig.http.get(URL)
    assert caught.value.cause == "budget"
    assert server.connections == 0


@pytest.mark.parametrize("script", ["head", "body", "silence"])
def test_it_ends_a_slow_answer_when_the_total_time_is_up(script):
    halt = threading.Event()

    def reply(sock: socket.socket, _request: bytes) -> None:
        if script == "body":
            sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n")
        elif script == "head":
            sock.sendall(b"HTTP/1.1 200 OK\r\nx: ")
        while script != "silence" and not halt.wait(0.05):
            sock.sendall(b"1")
        halt.wait(60)

    threads = threading.active_count()
    with serving(reply) as server, client(server.url, request_seconds=0.5) as rig:
        started = time.monotonic()
        with pytest.raises(Transient) as caught:
            rig.http.send(Ask("GET", URL, safe=False))
        took = time.monotonic() - started
        halt.set()
    assert caught.value.cause == "timeout"
    assert 0.4 < took < 30
    until(lambda: threading.active_count() <= threads, "its threads have ended")


def test_it_stops_unpacking_a_gzip_bomb_at_the_cap():
    bomb = gzip.compress(b" " * (100 * 1024 * 1024), compresslevel=9)

    def reply(sock: socket.socket, _request: bytes) -> None:
        sock.sendall(answer(bomb, content_encoding="gzip"))

    with serving(reply) as server, client(server.url) as rig:
        tracemalloc.start()
        with pytest.raises(SchemaDrift) as caught:
            rig.http.get(URL)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert caught.value.cause == "too_large"
    assert peak < 64 * 1024 * 1024


def test_it_stops_reading_an_endless_body_at_the_cap():
    class Small(Probe):
        max_body_bytes = 100_000

    def reply(sock: socket.socket, _request: bytes) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            sock.sendall(b"2710\r\n" + b"1" * 10_000 + b"\r\n")

    with serving(reply) as server, client(server.url, connector=Small) as rig, pytest.raises(SchemaDrift) as caught:
        rig.http.get(URL)
    assert caught.value.cause == "too_large"


def test_it_reads_packed_answers_of_several_members():
    packed = gzip.compress(b'{"a":') + gzip.compress(b"1}")
    with serving(saying(answer(packed, content_encoding="gzip"))) as server, client(server.url) as rig:
        assert rig.http.get(URL).peek() == {"a": 1}


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_it_never_follows_a_redirect(status):
    with serving(saying(GOOD)) as other, serving(saying(answer(b"", status, location=other.url))) as server:
        with client(server.url) as rig, pytest.raises(SchemaDrift) as caught:
            rig.http.get(URL)
        assert other.connections == 0
    assert caught.value.cause == "not_json"


@pytest.mark.parametrize(
    ("broken", "cause"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{", "truncated"),
        (b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"a":\r\n', "truncated"),
        (b"HTTP/1.1 200 OK\r\ncontent-", "truncated"),
        (b"", "truncated"),
        (answer(gzip.compress(b'{"a":1}')[:-6], content_encoding="gzip"), "truncated"),
    ],
)
def test_it_says_when_an_answer_broke_off(broken, cause):
    _, error, _ = asked(saying(broken))
    assert isinstance(error, Transient)
    assert error.cause == cause


def test_it_tries_again_after_a_reset():
    turns = []

    def reply(sock: socket.socket, _request: bytes) -> None:
        turns.append(1)
        if len(turns) < 3:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        else:
            sock.sendall(GOOD)

    rig, error, _ = asked(reply)
    assert error is None
    assert rig.http.usage.requests == 3


def test_it_does_not_repeat_what_is_not_safe():
    with serving(saying(b"")) as server, client(server.url) as rig, pytest.raises(Transient):
        rig.http.send(Ask("POST", URL, content=b"x", safe=False))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("body", "kind", "cause"),
    [
        (b"<!doctype html><p>Sign in", "text/html", "not_json"),
        (b"  <html>", "application/json", "not_json"),
        (b'{"a":NaN}', "application/json", "contract_error"),
        (b'{"a":Infinity}', "application/json", "contract_error"),
        (b'{"a":1}garbage', "application/json", "contract_error"),
        (b'\xef\xbb\xbf{"a":1}', "application/json", "contract_error"),
        ('{"a":1}'.encode("utf-16"), "application/json", "contract_error"),
        (b"[" * 100_000, "application/json", "contract_error"),
        (b"null", "application/json", "contract_error"),
        (b"[]", "application/json", "contract_error"),
        (b"", "application/json", "contract_error"),
        (b'{"a":1}', "image/png", "contract_error"),
    ],
)
def test_it_refuses_an_answer_of_another_kind(body, kind, cause):
    reply = saying(answer(body, kind=kind))
    with serving(reply) as server, client(server.url) as rig, pytest.raises(SchemaDrift) as caught:
        rig.http.get(URL).decode(dict[str, float])
    assert caught.value.cause == cause


def test_it_refuses_a_body_that_only_says_it_is_packed():
    _, error, _ = asked(saying(answer(b'{"a":1}', content_encoding="gzip")))
    assert isinstance(error, SchemaDrift)
    _, error, _ = asked(saying(answer(b'{"a":1}', content_encoding="br")))
    assert isinstance(error, SchemaDrift)


@pytest.mark.parametrize(
    ("status", "kind", "cause", "requests"),
    [
        ("400 Bad", Rejected, "request_rejected", 1),
        ("401 No", AuthExpired, "auth_expired", 1),
        ("403 No", ConfigError, "no_permission", 1),
        ("404 None", ConfigError, "account_unknown", 1),
        ("408 Late", Transient, "timeout", ATTEMPTS),
        ("500 Oops", Transient, "server_error", 3),
        ("503 Away", Transient, "server_error", 3),
        ("429 Slow", RateLimited, "rate_limited", ATTEMPTS),
    ],
)
def test_it_names_a_status_by_what_happens_next(status, kind, cause, requests):
    rig, error, _ = asked(saying(answer(b"{}", status)))
    assert type(error) is kind
    assert error.cause == cause
    assert rig.http.usage.requests == requests


@pytest.mark.parametrize(("may_be_missing", "failures"), [(False, 1), (True, 0)])
def test_that_there_is_no_such_thing_is_a_failure_only_where_it_should_be_there(may_be_missing, failures):
    with serving(saying(answer(b"{}", status="404 Not Found"))) as server, client(server.url) as rig:
        with pytest.raises(ConfigError):
            rig.http.send(Ask("GET", URL, may_be_missing=may_be_missing))
        assert (rig.http.usage.requests, rig.http.usage.measured.failures) == (1, failures)


def test_it_recovers_from_a_server_that_flaps():
    rig, error, _ = asked(saying(answer(b"{}", "500 x"), answer(b"{}", "502 x"), GOOD))
    assert error is None
    assert (rig.http.usage.requests, rig.http.usage.waits, len(rig.spent)) == (3, 2, 3)


def test_it_backs_off_with_jitter_when_nobody_says_how_long():
    rig, error, _ = asked(saying(answer(b"{}", "429 Slow")))
    assert isinstance(error, RateLimited)
    assert not error.announced
    assert error.until > NOW
    assert rig.http.usage.requests <= 6
    assert all(0 <= pause <= 2**turn for turn, pause in enumerate(rig.pauses))


@pytest.mark.parametrize(
    ("told", "pause"),
    [("3", 3.0), ("Sun, 22 Nov 2026 12:01:35 GMT", 5.0), ("Sunday, 22-Nov-26 12:01:35 GMT", 5.0), ("0", 0.0)],
)
def test_it_waits_as_long_as_it_is_told(told, pause):
    ahead = "Sun, 22 Nov 2026 12:01:30 GMT"
    rig, error, _ = asked(saying(answer(b"{}", "429 Slow", retry_after=told, date=ahead), GOOD))
    assert error is None
    assert rig.pauses == [pause]
    assert rig.http.usage.waited_seconds == pause


@pytest.mark.parametrize(("told", "seconds"), [("61", 61), ("99999999999", 900)])
def test_it_leaves_a_long_wait_to_the_job(told, seconds):
    rig, error, _ = asked(saying(answer(b"{}", "429 Slow", retry_after=told)))
    assert isinstance(error, RateLimited)
    assert error.announced
    assert (error.until - NOW).total_seconds() == seconds > PATIENCE_SECONDS
    assert rig.pauses == []


@pytest.mark.parametrize("told", ["soon", "-1", "1e9", "", "١٢", "3;3"])
def test_it_backs_off_by_itself_when_the_wait_makes_no_sense(told):
    rig, error, _ = asked(saying(answer(b"{}", "429 Slow", retry_after=told), GOOD))
    assert error is None
    assert len(rig.pauses) == 1
    assert rig.pauses[0] <= 1


class Tokens:
    """A bearer that counts renewals."""

    def __init__(self) -> None:
        self.renewals: list[str] = []

    def token(self) -> str:
        return "first-canary-token"

    def renewed(self, used: str) -> str:
        self.renewals.append(used)
        return "second-canary-token"


def test_it_renews_a_refused_token_once_and_repeats_once():
    tokens = Tokens()
    with serving(saying(answer(b"{}", "401 No"), GOOD)) as server, client(server.url) as rig:
        rig.http.get(URL, bearer=tokens)
    assert tokens.renewals == ["first-canary-token"]
    assert b"Bearer second-canary-token" in server.requests[1]


def test_it_gives_up_when_the_renewed_token_is_refused_too():
    tokens = Tokens()
    with serving(saying(answer(b"{}", "401 No"))) as server, client(server.url) as rig, pytest.raises(AuthExpired):
        rig.http.get(URL, bearer=tokens)
    assert (len(server.requests), len(tokens.renewals)) == (2, 1)


def test_it_never_waits_for_a_quota_in_a_hurry():
    slow = answer(b"{}", "429 Slow", retry_after="1")
    with serving(saying(slow)) as server, client(server.url) as rig, rig.http.hurried(100), pytest.raises(RateLimited):
        rig.http.get(URL)
    assert rig.pauses == []


def test_it_stays_in_a_hurry_when_a_smaller_one_ends():
    slow = answer(b"{}", "429 Slow", retry_after="1")
    with serving(saying(slow)) as server, client(server.url) as rig, rig.http.hurried(100):
        with rig.http.hurried(200):
            pass
        with pytest.raises(RateLimited):
            rig.http.get(URL)
    assert rig.pauses == []


def test_it_ends_everything_in_a_hurry_by_the_time_set():
    halt = threading.Event()

    def reply(_sock: socket.socket, _request: bytes) -> None:
        halt.wait(60)

    with serving(reply) as server, client(server.url) as rig, rig.http.hurried(0.4):
        started = time.monotonic()
        with pytest.raises(Transient):
            rig.http.get(URL)
        took = time.monotonic() - started
        halt.set()
    assert took < 30


def test_it_says_when_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with client(f"http://127.0.0.1:{port}") as rig, pytest.raises(Transient) as caught:
        rig.http.get(URL)
    assert caught.value.cause == "unreachable"


def test_it_shows_no_secret_in_logs_errors_or_reprs(caplog):
    caplog.set_level(logging.DEBUG)
    told = b'{"error":{"message":"bad key canary-probe-key, Bearer second-canary-token"}}'
    with serving(saying(answer(told, "401 No", set_cookie="sid=canary-cookie"))) as server, client(server.url) as rig:
        rig.http.conceal("canary-probe-key")
        with pytest.raises(AuthExpired) as caught:
            rig.http.get(URL, {"api_key": "canary-in-query", "page": "2"}, bearer=Tokens())
        shown = (
            repr(Answer(200, httpx.Headers({"set-cookie": "canary"}), b"canary", URL))
            + repr(rig.http)
            + repr(caught.value)
            + caught.value.detail
        )
    texts = shown + "".join(record.getMessage() + repr(record.__dict__) for record in caplog.records)
    assert "canary" not in texts
    assert MASK in caught.value.detail
    assert [record for record in caplog.records if record.name.startswith("httpcore")], "the wire was not logged"

"""The model's applications as platforms deliver them, signed, to an address on this machine."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sandbox.launch import SandboxFailedError

SECRET = "whsec_b25lIHNlY3JldCBvZiB0aGlydHktdHdvIGJ5dGVzLi4="


class Receiver(BaseHTTPRequestHandler):
    """Takes what comes."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((dict(self.headers), json.loads(body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_args):
        """Nothing."""


@pytest.fixture
def receiver():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.heard = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(60)


def order(receiver, **more):
    return {
        "sender": "indeed_apply",
        "url": f"http://127.0.0.1:{receiver.server_port}/hook",
        "secret": SECRET,
        "limit": 3,
    } | more


def test_the_latest_applications_are_delivered_as_often_as_asked(sb, receiver):
    told = sb.control("deliver", order(receiver, times=2))
    assert told == {"statuses": {"204": 6}}
    assert len({body["id"] for _, body in receiver.heard}) == 3
    assert all("X-Indeed-Signature" in headers for headers, _ in receiver.heard)
    times = [body["appliedOnMillis"] for _, body in receiver.heard]
    assert times == sorted(times)


def test_this_machine_may_be_called_by_its_name(sb, receiver):
    url = f"http://localhost:{receiver.server_port}/hook"
    assert sb.control("deliver", order(receiver, url=url, limit=1)) == {"statuses": {"204": 1}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"sender": "nobody"},
        {"url": "http://192.0.2.1/hook"},
        {"url": "http://localhost.example/"},
        {"url": "https://127.0.0.1/"},
        {"limit": 0},
    ],
)
def test_an_order_that_cannot_be_followed_is_refused(sb, receiver, wrong):
    with pytest.raises(SandboxFailedError):
        sb.control("deliver", order(receiver, **wrong))
    assert receiver.heard == []

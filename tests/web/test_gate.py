"""The gate: headers on every answer, names, closed paths, foreign sites, bodies, addresses."""

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import streamlit
from prometheus_client.parser import text_string_to_metric_families

from tests.launch import RunningApp, running_app
from tests.people import ADMIN, MANAGER, PASSWORD, seed_data_dir
from tests.web.streams import open_stream, run_page, session_cookie


@pytest.fixture(scope="module", autouse=True)
def slow_body(app: RunningApp) -> Iterator[socket.socket]:
    """A request whose body never comes, begun before all others: the ten seconds it is given pass beside them."""
    host, _, port = app.host.partition(":")
    head = f"POST /api/auth/token HTTP/1.1\r\nHost: {app.host}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((host, int(port)), timeout=120) as slow:
        slow.sendall(f"{head}Content-Length: 50\r\n\r\n{{".encode())
        yield slow


@pytest.fixture
def client(app: RunningApp):
    with httpx.Client(base_url=app.url, trust_env=False, timeout=120) as opened:
        yield opened


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/favicon.png",
        "/api/analytics/dashboard",
        "/api/nothing",
        "/nothing",
        "/health/live",
        "/_stcore/host-config",
    ],
)
def test_every_answer_carries_the_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    for directive in ("frame-ancestors 'none'", "object-src 'none'", "base-uri 'none'", "script-src 'self' 'sha256-"):
        assert directive in policy
    script_rule = next(rule for rule in policy.split("; ") if rule.startswith("script-src"))
    assert "unsafe" not in script_rule
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-request-id"]
    assert "server" not in headers
    assert "strict-transport-security" not in headers


@pytest.mark.parametrize("path", ["/", "/api/analytics/dashboard", "/auth/enter.js"])
def test_pages_and_answers_are_not_kept(client: httpx.Client, path: str) -> None:
    assert "no-store" in client.get(path).headers["cache-control"]


def test_static_files_may_be_kept(client: httpx.Client) -> None:
    index = client.get("/").text
    script = index.partition('src="./static/')[2].partition('"')[0]
    assert "no-store" not in client.get(f"/static/{script}").headers["cache-control"]


def test_every_file_of_streamlits_is_there(client: httpx.Client) -> None:
    static = Path(streamlit.__file__).parent / "static"
    files = [file for file in static.rglob("*") if file.is_file()]
    assert len({file.suffix for file in files}) > 3
    kinds = {file.suffix: file for file in files}.values()
    for file in kinds:
        answer = client.get(f"/{file.relative_to(static).as_posix()}")
        assert (answer.status_code, answer.content) == (200, file.read_bytes())


@pytest.mark.parametrize(
    "path",
    [
        "/_stcore/agent",
        "/_stcore/agent/openapi.json",
        "/docs",
        "/openapi.json",
        "/.git/config",
        "/.env",
        "/secrets.toml",
        "/.streamlit/secrets.toml",
        "/nonexistent",
        "/Nowhere/",
        "/..%2f..%2fetc/passwd",
        "/static",
        "/static/",
        "/static/js",
        "/static/nothing",
        "/static/js/index.nothing.js",
        "/static/index.html",
        "/_stcore/nothing",
        "/_stcore/stream",
        "/_stcore/upload_file",
        "/_stcore/bidi-components/nothing/at.js",
        "/component/nothing/at.js",
    ],
)
def test_what_is_not_there_says_so(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "root:" not in answer.text
    assert "<html" not in answer.text


def test_a_browser_that_is_lost_is_shown_the_way_home_and_nothing_else(client: httpx.Client, app: RunningApp) -> None:
    asking = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    answers = [client.get(path, headers=asking) for path in ("/Nowhere", "/Nowhere/else?x=<b>", "/r")]
    inside = {**asking, "Cookie": session_cookie(app, ADMIN)}
    for answer in (*answers, client.get("/Nowhere", headers=inside)):
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert '<a class="go" href="/">' in answer.text
        assert answer.text == answers[0].text, "a stranger and an admin read the same"
        for rule in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
            assert rule in answer.headers["content-security-policy"]
        told = [answer.headers[name] for name in ("cache-control", "x-content-type-options", "x-robots-tag")]
        assert told == ["no-store", "nosniff", "noindex, nofollow"]
        assert "set-cookie" not in answer.headers
    for path in ("/api/Nowhere", "/_stcore/metrics"):
        answer = client.get(path, headers={**asking, "X-Forwarded-For": "203.0.113.9"})
        assert (answer.status_code, "<html" in answer.text) == (404, False)


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/metrics"])
def test_metrics_are_closed_from_outside(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200
    assert client.get(path, headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 404


def test_metrics_are_what_prometheus_reads(client: httpx.Client) -> None:
    families = {family.name for family in text_string_to_metric_families(client.get("/metrics").text)}
    assert {
        "sourceboard_sync_jobs",
        "sourceboard_waiting",
        "sourceboard_workers",
        "sourceboard_open_alerts",
    } <= families


def test_trace_is_refused(app: RunningApp) -> None:
    connection = http.client.HTTPConnection(app.host, timeout=120)
    connection.request("TRACE", "/")
    assert connection.getresponse().status == 405
    connection.close()


@pytest.mark.parametrize(
    "host", ["attacker.example", "127.0.0.1.attacker.example", "localhost@attacker.example", "a b"]
)
def test_it_answers_to_no_other_name(client: httpx.Client, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 400
    assert client.get("/api/analytics/dashboard", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
@pytest.mark.parametrize("path", ["/auth/logout", "/api/auth/token", "/api/analytics/sync"])
def test_other_sites_cannot_post(client: httpx.Client, path: str, headers: dict[str, str]) -> None:
    answer = client.post(path, json={}, headers=headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_programs_are_refused_in_their_own_form(client: httpx.Client) -> None:
    refused = [
        client.get("/api/metrics", headers={"Host": "attacker.example"}),
        client.post("/api/analytics/sync", json={}, headers={"Origin": "https://evil.example"}),
        client.get("/api/..%2fmetrics"),
        client.get("/api/applications/%00"),
        client.request("TRACE", "/api/metrics"),
        client.post("/api/track", content=b"{}", headers={"Host": "attacker.example"}),
        client.request("TRACE", "/api/webhooks/indeed/x"),
    ]
    assert [answer.status_code for answer in refused] == [400, 403, 404, 404, 405, 400, 405]
    for answer in refused:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
        assert answer.json()["detail"]


def test_a_ticket_cannot_be_brought_in_from_another_site(client: httpx.Client) -> None:
    answer = client.get("/auth/enter?ticket=x", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_a_bad_ticket_opens_nothing_and_leads_nowhere_else(client: httpx.Client) -> None:
    answer = client.get("/auth/enter?ticket=nothing&next=//evil.example/x")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "set-cookie" not in answer.headers


def test_files_and_uploads_need_a_session(client: httpx.Client) -> None:
    assert client.get("/media/0123456789abcdef.csv").status_code == 401
    assert client.put("/_stcore/upload_file/a/b", content=b"x").status_code == 401


def test_only_admins_may_upload(app: RunningApp, client: httpx.Client) -> None:
    told = {}
    for email in (MANAGER, ADMIN):
        cookie = session_cookie(app, email)
        with open_stream(app, cookie=cookie) as stream:
            path = f"/_stcore/upload_file/{run_page(stream).session_id}/file"
            token = "2|aaaaaaaa|aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa|1795343806"
            headers = {"Cookie": f"{cookie}; _streamlit_xsrf={token}", "X-Xsrftoken": token}
            told[email] = client.put(path, files={"file": ("a.csv", b"x")}, headers=headers).status_code
    assert told == {MANAGER: 403, ADMIN: 204}


def test_signing_out_clears_what_the_browser_holds(client: httpx.Client) -> None:
    answer = client.post("/auth/logout")
    assert answer.status_code == 303
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert "Max-Age=0" in answer.headers["set-cookie"]


def test_an_endless_body_ends_at_the_cap(app: RunningApp) -> None:
    with httpx.Client(base_url=app.url, trust_env=False, timeout=120) as client:
        headers = {"Content-Type": "application/json"}
        answer = client.post("/api/auth/token", content=(b"x" * 8192 for _ in range(64)), headers=headers)
    assert answer.status_code == 413


def test_over_https_cookies_and_headers_are_strict(tmp_path: Path) -> None:
    seed_data_dir(tmp_path)
    with (
        running_app(data_dir=tmp_path, way="uvicorn", PUBLIC_URL="https://hiring.example") as app,
        httpx.Client(base_url=app.url, trust_env=False, timeout=120) as client,
    ):
        answer = client.get("/", headers={"Host": "hiring.example"})
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        line = answer.headers["set-cookie"]
        for part in ("__Host-sourceboard-visit=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"):
            assert part in line
        assert client.get("/", headers={"Host": "203.0.113.5"}).status_code == 400
        assert client.get("/_stcore/metrics", headers={"Host": "hiring.example"}).status_code == 404
        assert client.get("/health/ready", headers={"Host": "10.1.2.3"}).status_code == 200


def test_only_a_trusted_proxy_is_believed_about_addresses(app: RunningApp) -> None:
    def guess(address: str) -> int:
        headers = {"X-Forwarded-For": address}
        body = {"email": "stranger@acme.example", "password": "wrong wrong wrong"}
        with httpx.Client(base_url=app.url, trust_env=False, timeout=120) as client:
            return client.post("/api/auth/token", json=body, headers=headers).status_code

    # This app trusts nobody, so eleven made-up addresses are one visitor.
    statuses = [guess(f"203.0.113.{number}") for number in range(11)]
    assert statuses == [401] * 10 + [429]
    assert "203.0.113" not in app.told()


def test_a_token_from_the_api_is_no_cookie(app: RunningApp) -> None:
    with httpx.Client(base_url=app.url, trust_env=False, timeout=120) as client:
        answer = client.post("/api/auth/token", json={"email": ADMIN, "password": PASSWORD})
        client.cookies.set("sourceboard", answer.json()["accessToken"])
        assert client.get("/api/analytics/dashboard?dateRange=7d").status_code == 401


def test_a_slow_body_is_not_waited_for(slow_body: socket.socket) -> None:
    assert b" 408 " in slow_body.recv(4096)

"""The document, its page under our own policy, the page of docs/, other sites' pages, and the tools for models."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from api.app import ENDPOINTS
from api.openapi import document
from api.reference import markdown
from domain.access import BY_NAME
from tests.find_chromium import launch_arguments
from tests.launch import ROOT, RunningApp, running_app
from tests.people import ADMIN, PASSWORD, seed_data_dir

STATELESS = "2026-07-28"
FRIEND, STRANGER = "https://reports.example", "https://evil.example"


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    """The machine's Chromium."""
    return launch_arguments()


@pytest.fixture(scope="module")
def friendly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The product with one other site that may call it."""
    data_dir = tmp_path_factory.mktemp("friendly")
    seed_data_dir(data_dir)
    with running_app(data_dir=data_dir, way="uvicorn", API_CORS_ORIGINS=FRIEND) as running:
        yield running


@pytest.fixture
def client(friendly: RunningApp) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=friendly.url, trust_env=False, timeout=60) as made:
        answer = made.post("/api/auth/token", json={"email": ADMIN, "password": PASSWORD})
        made.headers["Authorization"] = f"Bearer {answer.json()['accessToken']}"
        yield made


def test_the_page_in_docs_is_the_one_the_code_makes() -> None:
    tools = frozenset(endpoint.name for endpoint in ENDPOINTS if endpoint.is_tool)
    made = markdown(document(ENDPOINTS), tools).rstrip() + "\n"
    kept = (ROOT / "docs" / "api.md").read_text("utf-8")
    assert kept == made, "run: python manage.py openapi --markdown > docs/api.md"


def test_json_that_is_read_has_a_tag_and_files_have_none() -> None:
    paths = document(ENDPOINTS)["paths"]
    tagged = {path: "304" in told["get"]["responses"] for path, told in paths.items() if "get" in told}
    files = {f"/api{each.path}" for each in ENDPOINTS if each.method == "GET" and "application/json" not in each.media}
    assert (
        files
        == {path for path, is_tagged in tagged.items() if not is_tagged}
        == {"/api/export", "/api/referrals/payouts/file"}
    )


def test_every_link_within_the_page_leads_to_a_heading_of_it() -> None:
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    headings = {words.strip().lower() for words in re.findall(r"^#+ (.*)$", page, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= headings


def test_the_command_prints_the_document(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "openapi"], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
    )
    assert json.loads(done.stdout) == document(ENDPOINTS)


def test_every_operation_says_what_it_is_and_needs_a_known_scope() -> None:
    names = [endpoint.name for endpoint in ENDPOINTS]
    assert len(names) == len(set(names))
    for endpoint in ENDPOINTS:
        assert endpoint.title
        assert endpoint.scope in BY_NAME or endpoint.name == "makeToken"


@pytest.mark.browser
def test_the_docs_page_works_without_any_other_site(friendly: RunningApp, browser: Browser) -> None:
    page = browser.new_page()
    page.set_default_timeout(60_000)
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.goto(f"{friendly.url}/api/docs")
    expect(page.get_by_text("Any metric by any breakdown, grain and filter")).to_be_visible(timeout=60_000)
    assert not [url for url in asked if not url.startswith((friendly.url, "data:", "blob:"))]
    assert not said


def test_files_beside_the_docs_page_are_not_served(client: httpx.Client) -> None:
    assert client.get("/api/docs/swagger-ui.css").status_code == 200
    for name in ("oauth2-redirect.html", "..%2f__init__.py", "LICENSE"):
        assert client.get(f"/api/docs/{name}").status_code == 404


def test_only_the_sites_that_are_named_may_call(client: httpx.Client) -> None:
    preflight = {
        "Origin": FRIEND,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
        "Sec-Fetch-Site": "cross-site",
    }
    friend = client.options("/api/analytics/sync", headers=preflight)
    assert (friend.status_code, friend.headers["access-control-allow-origin"]) == (200, FRIEND)
    assert "access-control-allow-credentials" not in friend.headers
    stranger = client.options("/api/analytics/sync", headers={**preflight, "Origin": STRANGER})
    assert "access-control-allow-origin" not in stranger.headers

    headers = {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"}
    told = client.get("/api/metrics", headers=headers)
    assert (told.status_code, told.headers["access-control-allow-origin"]) == (200, FRIEND)
    assert "ETag" in told.headers["access-control-expose-headers"]
    assert client.post("/api/analytics/sync", json={"platform": "all"}, headers=headers).status_code == 404
    foreign = {**headers, "Origin": STRANGER}
    assert client.post("/api/analytics/sync", json={"platform": "all"}, headers=foreign).status_code == 403
    assert "access-control-allow-origin" not in client.get("/api/metrics", headers=foreign).headers
    # Only the API is open to them.
    assert client.post("/auth/logout", headers=headers).status_code == 403


def test_without_the_setting_no_other_site_is_let_in(app: RunningApp, nobody: httpx.Client) -> None:
    answer = nobody.get("/api/openapi.json", headers={"Origin": FRIEND})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


def call(
    client: httpx.Client, method: str, *, headers: dict[str, str] | None = None, **params: object
) -> httpx.Response:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return client.post("/api/mcp", json=body, headers=headers)


def stateless(client: httpx.Client, method: str, **params: object) -> httpx.Response:
    meta = {"io.modelcontextprotocol/protocolVersion": STATELESS, "io.modelcontextprotocol/clientCapabilities": {}}
    headers = {"Mcp-Protocol-Version": STATELESS, "Mcp-Method": method}
    return call(client, method, headers=headers, _meta=meta, **params)


def test_a_model_finds_the_tools_and_asks_one(client: httpx.Client) -> None:
    found = stateless(client, "server/discover").json()["result"]
    assert STATELESS in found["supportedVersions"]
    tools = {tool["name"]: tool for tool in stateless(client, "tools/list").json()["result"]["tools"]}
    assert set(tools) == {endpoint.name for endpoint in ENDPOINTS if endpoint.is_tool}
    assert tools["query"]["inputSchema"]["required"] == ["metric"]
    arguments = {"metric": ["clicks"], "dateRange": "30d"}
    told = stateless(client, "tools/call", name="query", arguments=arguments).json()["result"]
    same = client.get("/api/analytics/query", params=arguments).json()
    assert (told["isError"], told["structuredContent"]) == (False, same)
    assert json.loads(told["content"][0]["text"]) == same


def test_an_older_client_shakes_hands_first(client: httpx.Client) -> None:
    told = call(client, "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={}).json()["result"]
    assert told["protocolVersion"] == "2025-06-18"
    assert call(client, "initialize", protocolVersion="1999-01-01").json()["result"]["protocolVersion"] == "2025-11-25"
    note = client.post("/api/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (note.status_code, note.content) == (202, b"")
    assert call(client, "ping").json()["result"] == {}
    assert call(client, "tools/list").json()["result"]["tools"]


def test_a_tools_refusal_is_told_to_the_model(client: httpx.Client) -> None:
    told = call(client, "tools/call", name="query", arguments={"metric": ["conversions"]}).json()["result"]
    assert told["isError"]
    assert "metric" in told["content"][0]["text"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"jsonrpc": "2.0", "id": 1, "method": "resources/list"}, 404, -32601),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "requestSync"}}, 400, -32602),
        (
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "query", "arguments": []}},
            400,
            -32602,
        ),
        ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}, 400, -32600),
    ],
)
def test_other_calls_are_errors_of_the_protocol(client: httpx.Client, body, status, code) -> None:
    answer = client.post("/api/mcp", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_headers_that_say_otherwise_than_the_body_are_refused(client: httpx.Client) -> None:
    meta = {"io.modelcontextprotocol/protocolVersion": STATELESS}
    assert call(client, "tools/list", _meta=meta).json()["error"]["code"] == -32020
    headers = {"Mcp-Protocol-Version": "2030-01-01", "Mcp-Method": "tools/list"}
    other = {"io.modelcontextprotocol/protocolVersion": "2030-01-01"}
    assert call(client, "tools/list", headers=headers, _meta=other).json()["error"]["code"] == -32022


def test_models_need_a_key_too(friendly: RunningApp) -> None:
    with httpx.Client(base_url=friendly.url, trust_env=False, timeout=60) as nobody:
        assert call(nobody, "tools/list").status_code == 401
        assert nobody.get("/api/mcp").status_code == 405

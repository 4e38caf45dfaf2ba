"""The dashboard's page names the modules of its charts, and all that it names is there."""

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.launch import RunningApp
from tests.people import MANAGER
from tests.web.streams import session_cookie

_NAMED = re.compile(r"<\./(static/js/[^>]+)>; rel=modulepreload")


@pytest.fixture
def client(app: RunningApp) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=app.url, trust_env=False, timeout=120) as opened:
        yield opened


def test_a_signed_in_visitor_is_told_of_modules_that_are_there(app: RunningApp, client: httpx.Client):
    page = client.get("/", headers={"cookie": session_cookie(app, MANAGER)})
    named = _NAMED.findall(page.headers["link"])
    assert any("PlotlyChart" in path for path in named)
    assert len(named) == 7
    assert {client.head(f"/{path}").status_code for path in named} == {200}


def test_nobody_else_is_told_and_no_other_answer_tells(app: RunningApp, client: httpx.Client):
    assert "link" not in client.get("/").headers
    cookie = {"cookie": session_cookie(app, MANAGER)}
    for path in ("/Sources", "/health/live"):
        assert "link" not in client.get(path, headers=cookie).headers

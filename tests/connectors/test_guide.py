"""The example of docs/adding-a-connector.md is a connector that works."""

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from connectors.auth import MemoryTokens
from connectors.contract import Closed, Page, Session
from connectors.errors import ConfigError, SchemaDrift
from connectors.http import Options, open_http
from domain.facts import Fact, Scope, Window
from tests.connectors.rig import NOW
from tests.connectors.scripted import answer, saying, serving

ROOT = Path(__file__).resolve().parents[2]
FIRST, END = date(2026, 11, 1), date(2026, 11, 4)
WINDOW = Window(FIRST, END, END)


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that the guide shows, as a reader would save it."""
    guide = (ROOT / "docs" / "adding-a-connector.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    (tmp_path / "example.py").write_text(shown, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("guide_example", tmp_path / "example.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "guide_example", module)
    spec.loader.exec_module(module)
    return module


def told(body: object, status: str = "200 OK") -> bytes:
    return answer(json.dumps(body).encode(), status)


def row(day: int, job: str, views: int, clicks: int = 0) -> dict[str, Any]:
    return {"day": f"2026-11-{day:02}", "job": job, "title": "Baker", "views": views, "clicks": clicks}


def steps(example: ModuleType, *answers: bytes) -> Iterator[Page]:
    """What the example reads where the platform answers so."""
    with serving(saying(*answers)) as server:
        options = Options(sandbox_url=server.url, now=lambda: NOW)
        with open_http(example.Example, spend=lambda: None, pause=lambda _: None, options=options) as http:
            config = example.ExampleConfig(api_key="canary-key")
            yield from example.Example(config, Session(http, MemoryTokens(http.now))).read(WINDOW)
        assert all(b"x-api-key: canary-key" in request.lower() for request in server.requests)
        assert len(server.requests) == len(answers)


def test_it_adds_up_over_pages_and_counts_no_row_twice(example: ModuleType):
    pages = ({"rows": [row(1, "a", 5, 2)], "next": "p2"}, {"rows": [row(1, "a", 5, 2), row(1, "b", 1)], "next": None})
    (page,) = steps(example, *map(told, pages))
    totals = [fact for fact in page.facts if fact.scope is Scope.TOTAL]
    assert sorted(totals) == [Fact("clicks", FIRST, 2), Fact("views", FIRST, 6)]
    assert [posting.ref for posting in page.postings] == ["a", "b"]
    assert page.cursor == "2026-11-04"
    assert page.closed == tuple(
        Closed(("views", "clicks"), scope, FIRST, END) for scope in (Scope.TOTAL, Scope.POSTING)
    )


def test_a_number_that_cannot_be_kept_leaves_its_day_open(example: ModuleType):
    (page,) = steps(example, told({"rows": [row(1, "a", 5), row(3, "a", 4), row(3, "b", -1)], "next": None}))
    assert page.rejected == {"negative": 1}
    assert {(part.start, part.end) for part in page.closed} == {(FIRST, date(2026, 11, 3))}
    assert {fact.day for fact in page.facts if fact.scope is Scope.TOTAL} == {FIRST}


def test_a_day_that_was_not_asked_for_is_drift(example: ModuleType):
    with pytest.raises(SchemaDrift):
        list(steps(example, told({"rows": [row(4, "a", 5)], "next": None})))


def test_paging_in_circles_writes_nothing(example: ModuleType):
    found = []
    with pytest.raises(SchemaDrift) as caught:
        found.extend(steps(example, *[told({"rows": [row(1, "a", 5)], "next": "p2"})] * 4))
    assert caught.value.cause == "page_loop"
    assert found == []


def test_a_refused_key_is_for_a_person_to_change(example: ModuleType):
    with pytest.raises(ConfigError) as caught:
        list(steps(example, told({"message": "no such key"}, "401 Unauthorized")))
    assert caught.value.cause == "key_invalid"


def test_it_says_how_many_calls_it_takes(example: ModuleType):
    assert example.Example.calls_for(WINDOW) == 1
    assert example.Example.calls_for(WINDOW, items=500) == 3
    assert example.Example.calls_for(Window(FIRST, date(2026, 11, 9), END), items=100) == 3


def test_every_place_that_the_guide_names_is_there():
    text = (ROOT / "docs" / "adding-a-connector.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:connectors|domain|ui|sandbox|tests|docs|actions)/[\w./*<>-]+)`", text))
    assert named
    assert [name for name in sorted(named) if "<" not in name and not list(ROOT.glob(name))] == []

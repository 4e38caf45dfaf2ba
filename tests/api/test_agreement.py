"""One implementation a question: dashboard, general query, time series, screen tables and CSV agree to the digit."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.filters import Filters
from domain.periods import Period, local_day
from domain.platforms import BY_KEY
from store.opening import Store
from store.reports.dashboard import get_dashboard
from store.reports.postings import list_postings
from store.reports.scope import find_company
from store.tables.columns import utc_now
from tests.api.inside import key_of, serving, speaking
from tests.api.seeded import DAYS, seed_numbers
from tests.people import ZONE, People, seed_people
from ui.dashboard import sources_table
from ui.export import to_csv
from ui.posting_screens import postings_table

TODAY = local_day(datetime.now(UTC), ZONE)
PLATFORMS = ("company_website", "indeed", "referrals")
QUERY = "/api/analytics/query"
asked = {
    "start": st.integers(0, DAYS - 1),
    "days": st.integers(1, DAYS),
    "platforms": st.lists(st.sampled_from(PLATFORMS), unique=True),
    "grain": st.sampled_from(["day", "week", "month"]),
}
often = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@pytest.fixture(scope="module")
def place(kept_store: Store) -> Iterator[tuple[Store, People, httpx.Client]]:
    """A company with numbers, on both databases, and a client that may read them."""
    people = seed_people(kept_store)
    seed_numbers(kept_store, people, today=TODAY)
    # A place for a file is free a moment after the file has come.
    with serving(kept_store, API_EXPORTS="8") as url, speaking(url, key_of(kept_store)) as client:
        yield kept_store, people, client


def params_of(start: int, days: int, platforms: list[str]) -> tuple[Period, dict[str, object]]:
    first = TODAY - timedelta(days=DAYS) + timedelta(days=start)
    period = Period(first, min(first + timedelta(days=days), TODAY + timedelta(days=1)))
    params: dict[str, object] = {"from": period.start.isoformat(), "to": period.end.isoformat()}
    return period, {**params, "platform": platforms} if platforms else params


def test_every_way_to_the_numbers_gives_the_same_ones(place) -> None:
    store, people, client = place

    @often
    @given(**asked)
    def agree(start: int, days: int, platforms: list[str], grain: str) -> None:
        period, params = params_of(start, days, platforms)
        board = client.get("/api/analytics/dashboard", params={**params, "grain": grain}).json()
        screen = _screen(store, people, period, platforms, grain)
        sources = {
            row["platform"]: row["applications"] for row in board["sourceBreakdown"] if row["applications"] is not None
        }
        assert sources == {row.platform: row.applications for row in screen.sources if row.applications is not None}

        table = list(csv.reader(io.StringIO(to_csv(sources_table(screen.sources)).decode("utf-8-sig"))))
        shown = {row[0]: row[1] for row in table[1:]}
        assert {BY_KEY[key].label: str(value) for key, value in sources.items()}.items() <= shown.items()

        rows = client.get(QUERY, params={**params, "metric": "applications", "breakdown": "platform"}).json()["rows"]
        assert {row["platform"]: row["value"] for row in rows} == sources

        series = client.get("/api/analytics/time-series", params={**params, "grain": grain}).json()["series"]
        lines = {
            line["platform"]: sum(point["value"] for point in line["points"] if point["value"] is not None)
            for line in series
        }
        assert lines == sources

        funnel = client.get("/api/analytics/funnel", params=params).json()["stages"]
        assert funnel == board["hiringFunnel"]
        performance = client.get("/api/analytics/performance", params=params).json()["performance"]
        assert performance == board["performanceMetrics"]

        exported: dict[tuple[str, str], int] = defaultdict(int)
        for row in _csv(client.get("/api/export", params={**params, "dataset": "days"})):
            exported[row["platform"], row["metric"]] += int(row["value"])
        rows = client.get(
            QUERY, params={**params, "metric": "clicks,applications,spend", "breakdown": "platform"}
        ).json()["rows"]
        assert {(row["platform"], row["metric"]): row["value"] for row in rows} == {
            key: value for key, value in exported.items() if key[1] in {"clicks", "applications", "spend"}
        }

    agree()


def test_postings_agree_on_screen_in_answers_and_in_files(place) -> None:
    store, people, client = place

    @settings(often, max_examples=12)
    @given(**{name: asked[name] for name in ("start", "days", "platforms")})
    def agree(start: int, days: int, platforms: list[str]) -> None:
        period, params = params_of(start, days, platforms)
        told = client.get("/api/postings", params=params).json()["postings"]
        with store.reading() as session:
            scope = find_company(session, people.company.id)
            assert scope is not None
            rows = list_postings(session, scope, period, Filters(tuple(platforms)))
        assert {row["id"]: row["values"] for row in told} == {str(row.id): row.values for row in rows}
        assert len(postings_table(rows).rows) == len(told)

        exported: dict[tuple[str, str], int] = defaultdict(int)
        for row in _csv(client.get("/api/export", params={**params, "dataset": "postings"})):
            exported[row["postingId"], row["metric"]] += int(row["value"])
        asked_by = {**params, "metric": "clicks,applications,spend", "breakdown": "posting"}
        queried = client.get(QUERY, params=asked_by).json()["rows"]
        assert {(row["posting"]["id"], row["metric"]): row["value"] for row in queried} == dict(exported)
        values = {(row["id"], metric): value for row in told for metric, value in row["values"].items()} | {
            (row["id"], "spend"): sum(row["spend"].values()) for row in told if row["spend"]
        }
        assert values == dict(exported)

    agree()


def _screen(store: Store, people: People, period: Period, platforms: list[str], grain: str):
    with store.reading() as session:
        scope = find_company(session, people.company.id)
        assert scope is not None
        return get_dashboard(session, scope, period, Filters(tuple(platforms)), grain=grain, now=utc_now())  # type: ignore[arg-type]


def _csv(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))

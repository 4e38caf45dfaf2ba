"""Files: whole, safe to open, sent while they are read, and given up with the client."""

import csv
import io
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import httpx
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from sqlalchemy import text

from domain.facts import day_number
from settings import current
from store.opening import Store
from store.tables import JobPosting
from tests.api.inside import key_of, serving, speaking
from tests.api.seeded import seed_numbers, seed_records
from tests.people import People, seed_people

NOW = datetime.now(UTC)
PATIENCE = 60.0
#: More than the buffers of a connection hold.
MANY_DAYS, MANY_POSTINGS = 400, 500


@pytest.fixture(scope="module")
def place(kept_store: Store) -> Iterator[tuple[Store, People, httpx.Client]]:
    """A company with numbers, on both databases."""
    people = seed_people(kept_store)
    seed_numbers(kept_store, people, today=NOW.date())
    seed_records(kept_store, people, now=NOW)
    _add_facts(kept_store, people)
    with serving(kept_store, API_EXPORTS="1") as url, speaking(url, key_of(kept_store)) as client:
        yield kept_store, people, client


@pytest.fixture(scope="module")
def filled(place: tuple[Store, People, httpx.Client]) -> tuple[Store, httpx.Client]:
    """The same with numbers of so many postings that a file of them is not sent in one go."""
    store, people, client = place
    _fill(store, people)
    return store, client


def fetch(client: httpx.Client, **params: str) -> httpx.Response:
    """A file, as soon as there is a place: that of the file before is free a moment after it has come."""
    deadline = time.monotonic() + PATIENCE
    while (answer := client.get("/api/export", params=params)).status_code == 503:
        assert time.monotonic() < deadline, "the place of the file before was never freed"
        time.sleep(0.05)
    return answer


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("dataset", ["days", "postings", "facts"])
def test_csv_and_parquet_hold_the_same(place, dataset) -> None:
    _, _, client = place
    params = {"dataset": dataset, "dateRange": "90d"}
    told = fetch(client, **params)
    assert told.headers["content-type"] == "text/csv; charset=utf-8"
    assert told.headers["content-disposition"].endswith('.csv"')
    # No tag is known before the last row, and a file broken off must not be taken for one that is still good.
    assert "etag" not in told.headers
    rows = rows_of(told)
    file = fetch(client, **params, format="parquet")
    table = pq.read_table(io.BytesIO(file.content))
    assert table.column_names == list(rows[0])
    same = [
        {
            **row,
            "day": row["day"].isoformat(),
            "value": str(row["value"]),
            "isProvisional": str(int(row["isProvisional"])),
        }
        for row in table.to_pylist()
    ]
    for row in rows:
        row.update({name: cell.removeprefix("'") for name, cell in row.items() if cell.startswith("'=")})
    assert same == rows
    assert len(rows) > 100 or dataset == "facts"


def test_text_never_opens_as_a_formula_and_numbers_stay_numbers(place) -> None:
    store, _, client = place
    with store.writing() as session:
        session.connection().execute(
            text("UPDATE posting_analytics_aggregated SET value = -5 WHERE posting_no = 2 AND metric = 3")
        )
    rows = rows_of(fetch(client, dataset="postings", dateRange="1y"))
    suspects = [row for row in rows if "HYPERLINK" in row["posting"]]
    assert suspects
    assert {row["posting"] for row in suspects} == {"'=HYPERLINK(1)"}
    assert {row["value"] for row in suspects if row["metric"] == "clicks"} == {"-5"}


def test_it_narrows_to_platforms_metrics_and_days(place) -> None:
    _, _, client = place
    params = {"dataset": "days", "dateRange": "7d", "platform": "indeed", "metric": "clicks,spend"}
    rows = rows_of(fetch(client, **params))
    assert {row["platform"] for row in rows} == {"indeed"}
    assert {row["metric"] for row in rows} == {"clicks", "spend"}
    assert len({row["day"] for row in rows}) <= 7
    assert rows_of(fetch(client, **{"from": "2001-01-01", "to": "2001-02-01"})) == []


def test_a_client_that_goes_away_ends_the_query_and_frees_the_place(filled) -> None:
    store, client = filled
    params = {"dataset": "postings", "dateRange": "1y"}
    with client.stream("GET", "/api/export", params=params) as answer:
        assert answer.status_code == 200
        # Kept: an iterator that is dropped takes its connection with it.
        parts = answer.iter_bytes(1024)
        first = next(parts)
        assert first.startswith(b"\xef\xbb\xbfday,platform")
        busy = client.get("/api/export", params=params)
        assert busy.status_code == 503
        assert busy.headers["retry-after"]
    assert fetch(client, dateRange="7d").status_code == 200
    deadline = time.monotonic() + PATIENCE
    while store.engine.pool.checkedout():  # type: ignore[attr-defined]
        assert time.monotonic() < deadline, "a query goes on that nobody waits for"
        time.sleep(0.05)


def test_a_reader_that_stands_still_is_given_up(filled, monkeypatch: pytest.MonkeyPatch) -> None:
    _, client = filled
    monkeypatch.setattr("api.exports.STALL_SECONDS", 0.2)
    with client.stream("GET", "/api/export", params={"dataset": "postings", "dateRange": "1y"}) as answer:
        parts = answer.iter_raw(1024)
        next(parts)
        assert fetch(client, dateRange="7d").status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            for _ in parts:
                pass


def test_only_so_many_at_once_is_a_setting(place) -> None:
    assert current().api_exports == 1


def _add_facts(store: Store, people: People) -> None:
    with store.writing() as session:
        for day in range(5):
            session.connection().execute(
                text(
                    "INSERT INTO platform_analytics_raw (company_no, config_no, day, metric, scope, external_posting,"
                    " breakdown, origin, hour, currency, value, provisional, seen)"
                    " VALUES (:company, 1, :day, 3, 1, 0, 0, 1, -1, '', :day, 0, 1)"
                ),
                {"company": people.company.number, "day": day_number(NOW.date() - timedelta(days=day))},
            )


def _fill(store: Store, people: People) -> None:
    """Numbers by posting of which a file is tens of megabytes long."""
    last = day_number(date.today())
    with store.writing() as session:
        session.add_all(
            JobPosting(company_id=people.company.id, number=number, title=f"{'Long title ' * 10}{number}")
            for number in range(1000, 1000 + MANY_POSTINGS)
        )
        session.flush()
        session.connection().execute(
            text(
                "INSERT INTO posting_analytics_aggregated (company_no, day, platform, metric, posting_no, currency,"
                f" value, provisional) WITH RECURSIVE d(n) AS (SELECT {last - MANY_DAYS} UNION ALL SELECT n + 1 FROM d"
                f" WHERE n < {last}) SELECT :company, d.n, 3, 2, p.number, '', 7, 0 FROM d CROSS JOIN job_postings p"
                " WHERE p.number >= 1000"
            ),
            {"company": people.company.number},
        )

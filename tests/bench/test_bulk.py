"""What benches write in bulk is what the product would have written."""

from sqlalchemy import text

from bench.bulk import fill_aggregates
from bench.company import make_company
from jobs.aggregate import rebuild

POLLED = "metric NOT IN (6, 7, 8)"


def rows(store):
    with store.reading() as session:
        run = session.connection().execute
        periods = run(
            text(
                "SELECT grain, metric, period_start, platform, currency, value, covered_days, provisional "
                f"FROM platform_analytics_aggregated WHERE {POLLED}"
            )
        )
        postings = run(
            text(
                "SELECT day, platform, metric, posting_no, currency, value, provisional "
                "FROM posting_analytics_aggregated"
            )
        )
        return {tuple(row) for row in periods}, {tuple(row) for row in postings}


def test_aggregates_made_in_bulk_are_those_of_a_rebuild(sqlite_store):
    made = make_company(sqlite_store, 4_000, days=20)
    fill_aggregates(sqlite_store, made)
    in_bulk = rows(sqlite_store)
    rebuild(sqlite_store, made.company_id, made.now, {})
    assert min(len(found) for found in in_bulk) > 500
    assert rows(sqlite_store) == in_bulk

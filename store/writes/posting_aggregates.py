"""Aggregates by posting and day: one set-based statement a slice, for there are as many rows as facts."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import text
from sqlmodel import Session

from domain.counting import Choice
from store.engine import is_sqlite
from store.writes.sums import sources_clause, values_of

_SCRATCH = (
    "CREATE TEMP TABLE IF NOT EXISTS counted_postings (day INTEGER NOT NULL, metric SMALLINT NOT NULL, "
    "posting_no INTEGER NOT NULL, currency VARCHAR(3) NOT NULL, value BIGINT NOT NULL, provisional SMALLINT NOT NULL, "
    "PRIMARY KEY (day, metric, posting_no, currency))"
)
_UPSERT = (
    "INSERT INTO posting_analytics_aggregated AS t (company_no, day, platform, metric, posting_no, currency, value, "
    "provisional) SELECT :company, day, :platform, metric, posting_no, currency, value, provisional "
    "FROM counted_postings WHERE true "
    "ON CONFLICT (company_no, day, platform, metric, posting_no, currency) DO UPDATE SET value = excluded.value, "
    "provisional = excluded.provisional WHERE t.value <> excluded.value OR t.provisional <> excluded.provisional"
)


class CountedPostings(NamedTuple):
    """A counted choice of one day, whether its projected facts are meant, and whether the day may be restated."""

    day: int
    choice: Choice
    projected: bool
    provisional: bool


def write_postings(
    session: Session,
    company_no: int,
    platform: int,
    counted: Sequence[CountedPostings],
    span: tuple[Sequence[int], Sequence[int]],
) -> int:
    """Make the platform's posting rows of `span` (days, metrics) those that the choices count; returns rows changed.

    Facts of external postings that wait to be linked gather under posting 0.
    """
    connection = session.connection()
    connection.execute(text(_SCRATCH))
    # Emptied without leaving dead rows behind: the table lives as long as the connection.
    connection.execute(text("DELETE FROM counted_postings" if is_sqlite(session) else "TRUNCATE counted_postings"))
    whose = {"company": company_no, "platform": platform}
    told = 0
    if counted:
        told = connection.execute(text(_counting(platform, counted)), whose).rowcount
    changed = connection.execute(text(_UPSERT), whose).rowcount if told else 0
    days, metrics = (", ".join(str(int(number)) for number in numbers) for numbers in span)
    within = f"company_no = :company AND day IN ({days}) AND platform = :platform AND metric IN ({metrics})"
    stored = connection.execute(text(f"SELECT COUNT(*) FROM posting_analytics_aggregated WHERE {within}"), whose)  # noqa: S608 -- integers
    if stored.scalar_one() > told:
        changed += connection.execute(
            text(
                f"DELETE FROM posting_analytics_aggregated WHERE {within} AND NOT EXISTS "  # noqa: S608 -- integers
                "(SELECT 1 FROM counted_postings n WHERE n.day = posting_analytics_aggregated.day "
                "AND n.metric = posting_analytics_aggregated.metric "
                "AND n.posting_no = posting_analytics_aggregated.posting_no "
                "AND n.currency = posting_analytics_aggregated.currency)"
            ),
            whose,
        ).rowcount
    return changed


def _counting(platform: int, counted: Sequence[CountedPostings]) -> str:
    """INSERT of the sums by posting into the scratch table."""
    plain = [one for one in counted if not one.choice.how.by_source]
    by_source = [one for one in counted if one.choice.how.by_source]
    parts = []
    if plain:
        parts.append(_facts(plain, ("", "AND f.breakdown = 0")))
    if by_source:
        parts.append(_facts(by_source, sources_clause(platform)))
    return (
        "INSERT INTO counted_postings (day, metric, posting_no, currency, value, provisional) "  # noqa: S608 -- integers and our own words
        "SELECT day, metric, posting_no, currency, CAST(SUM(value) AS BIGINT), MAX(provisional) "
        f"FROM ({' UNION ALL '.join(parts)}) AS told GROUP BY day, metric, posting_no, currency"
    )


def _facts(counted: Sequence[CountedPostings], clause: tuple[str, str]) -> str:
    values = values_of(
        (one.choice.connection, one.day, one.choice.metric, one.choice.origin, one.projected, one.provisional)
        for one in counted
    )
    # The scope is 2, POSTING; the rest of the key up to there makes each counted row one range of the facts' key.
    return (
        f"SELECT c.day, c.metric, COALESCE(p.number, 0) AS posting_no, f.currency, f.value, c.provisional "  # noqa: S608 -- integers and our own words
        f"FROM (SELECT column1 AS config_no, column2 AS day, column3 AS metric, column4 AS origin, "
        f"column5 AS projected, column6 AS provisional FROM ({values}) AS v) AS c "
        f"CROSS JOIN platform_analytics_raw f {clause[0]} "
        "LEFT JOIN external_postings e ON e.number = f.external_posting "
        "LEFT JOIN job_postings p ON p.id = e.posting_id "
        "WHERE f.company_no = :company AND f.config_no = c.config_no AND f.day = c.day AND f.metric = c.metric "
        "AND f.scope = 2 AND f.origin = c.origin AND f.hour = -1 "
        f"AND (CASE WHEN f.seen = -1 THEN 1 ELSE 0 END) = c.projected {clause[1]}"
    )

"""Aggregates by posting and day: one set-based statement a slice, for there are as many rows as facts."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlmodel import Session

from domain.counting import Choice
from store.engine import is_sqlite
from store.writes.choices import Slice
from store.writes.sums import listed, looked_up, run, sources_clause, values_of

_SCRATCH = (
    "CREATE TEMP TABLE IF NOT EXISTS counted_postings (company_no INTEGER NOT NULL, day INTEGER NOT NULL, "
    "platform SMALLINT NOT NULL, metric SMALLINT NOT NULL, posting_no INTEGER NOT NULL, currency VARCHAR(3) NOT NULL, "
    "value BIGINT NOT NULL, provisional SMALLINT NOT NULL, PRIMARY KEY (day, platform, metric, posting_no, currency))"
)
_COLUMNS = "company_no, day, platform, metric, posting_no, currency, value, provisional"
_KEY = "(day, platform, metric, posting_no, currency)"
_UPSERT = (
    f"INSERT INTO posting_analytics_aggregated AS t ({_COLUMNS}) SELECT {_COLUMNS} FROM counted_postings WHERE true "  # noqa: S608 -- our own words
    "ON CONFLICT (company_no, day, platform, metric, posting_no, currency) DO UPDATE SET value = excluded.value, "
    "provisional = excluded.provisional WHERE t.value <> excluded.value OR t.provisional <> excluded.provisional"
)
#: Added up where it is to stand, which SQLite does faster than sorting. Beyond its integers it would go on in floating
#: point: that is refused instead, as its SUM does.
_ADD = (
    "DO UPDATE SET value = CASE WHEN typeof(t.value + excluded.value) = 'integer' THEN t.value + excluded.value END, "
    "provisional = MAX(t.provisional, excluded.provisional)"
)


class CountedPostings(NamedTuple):
    """A counted choice of one platform's day, whether its projected facts are meant, and whether it may be restated."""

    platform: int
    day: int
    choice: Choice
    projected: bool
    provisional: bool


def write_postings(session: Session, part: Slice, counted: Sequence[CountedPostings]) -> int:
    """Make the slice's posting rows those that the choices count; returns how many writes that took.

    Facts of external postings that wait to be linked gather under posting 0.
    """
    whose = (part.company_no, part.platforms[0])
    within = (
        f"company_no = :company AND day IN ({listed(part.days)}) AND platform IN ({listed(part.platforms)}) "
        f"AND metric IN ({listed(part.metrics)})"
    )
    has_any = f"SELECT EXISTS (SELECT 1 FROM posting_analytics_aggregated WHERE {within})"  # noqa: S608 -- integers
    if not run(session, has_any, *whose).scalar_one():
        into = ("posting_analytics_aggregated", f"(company_no, {_KEY[1:]}")
        return int(run(session, _insert(session, part, counted, into), *whose).rowcount) if counted else 0
    run(session, _SCRATCH, *whose)
    # Emptied without leaving dead rows behind: the table lives as long as the connection.
    run(session, "DELETE FROM counted_postings" if is_sqlite(session) else "TRUNCATE counted_postings", *whose)
    changed = 0
    if counted:
        run(session, _insert(session, part, counted, ("counted_postings", _KEY)), *whose)
        changed = run(session, _UPSERT, *whose).rowcount
    return changed + _delete_stale(session, whose, within)


def _delete_stale(session: Session, whose: tuple[int, int], within: str) -> int:
    """Delete the rows within a slice that were not counted; how many."""
    known = f"SELECT COUNT(*) FROM posting_analytics_aggregated WHERE {within}"  # noqa: S608 -- integers
    told = run(session, "SELECT COUNT(*) FROM counted_postings", *whose).scalar_one()
    if run(session, known, *whose).scalar_one() == told:
        return 0
    stale = (
        f"DELETE FROM posting_analytics_aggregated WHERE {within} AND NOT EXISTS "  # noqa: S608 -- integers
        "(SELECT 1 FROM counted_postings n WHERE n.day = posting_analytics_aggregated.day "
        "AND n.platform = posting_analytics_aggregated.platform "
        "AND n.metric = posting_analytics_aggregated.metric "
        "AND n.posting_no = posting_analytics_aggregated.posting_no "
        "AND n.currency = posting_analytics_aggregated.currency)"
    )
    return int(run(session, stale, *whose).rowcount)


def _insert(session: Session, part: Slice, counted: Sequence[CountedPostings], into: tuple[str, str]) -> str:
    """INSERT of the sums by posting into a table (its name and key) that has none of the slice."""
    table, key = into
    plain = [one for one in counted if not one.choice.how.by_source]
    by_source = [one for one in counted if one.choice.how.by_source]
    parts = []
    if plain:
        parts.append(_facts(session, plain, ("", "AND f.breakdown = 0")))
    if by_source:
        parts.append(_facts(session, by_source, sources_clause(part.platforms[0])))
    told = " UNION ALL ".join(parts)
    if is_sqlite(session):
        return (
            f"INSERT INTO {table} AS t ({_COLUMNS}) SELECT :company, day, platform, metric, posting_no, currency, "  # noqa: S608 -- integers and our own words
            f"value, provisional FROM ({told}) WHERE true ON CONFLICT {key} {_ADD}"
        )
    return (
        f"INSERT INTO {table} ({_COLUMNS}) SELECT :company, day, platform, metric, posting_no, currency, "  # noqa: S608 -- integers and our own words
        f"CAST(SUM(value) AS BIGINT), MAX(provisional) FROM ({told}) AS told "
        "GROUP BY day, platform, metric, posting_no, currency"
    )


def _facts(session: Session, counted: Sequence[CountedPostings], clause: tuple[str, str]) -> str:
    values = values_of(
        (
            one.choice.connection,
            one.platform,
            one.day,
            one.choice.metric,
            one.choice.origin,
            int(one.projected),
            int(one.provisional),
        )
        for one in counted
    )
    postings = (
        "LEFT JOIN external_postings e ON e.number = f.external_posting LEFT JOIN job_postings p ON p.id = e.posting_id"
    )
    # The scope is 2, POSTING; the rest of the key up to there makes each counted row one range of the facts' key.
    source = looked_up(
        session,
        ("platform_analytics_raw", "currency, value, breakdown, external_posting, seen"),
        "f.company_no = :company AND f.config_no = c.config_no AND f.day = c.day AND f.metric = c.metric "
        "AND f.scope = 2 AND f.origin = c.origin AND f.hour = -1",
        (
            f"{clause[0]} {postings}",
            f"AND (CASE WHEN f.seen = -1 THEN 1 ELSE 0 END) = c.projected {clause[1]}",
        ),
    )
    return (
        f"SELECT c.day, c.platform, c.metric, COALESCE(p.number, 0) AS posting_no, f.currency, f.value, "  # noqa: S608 -- integers and our own words
        f"c.provisional FROM (SELECT column1 AS config_no, column2 AS platform, column3 AS day, column4 AS metric, "
        f"column5 AS origin, column6 AS projected, column7 AS provisional FROM ({values}) AS v) AS c {source}"
    )

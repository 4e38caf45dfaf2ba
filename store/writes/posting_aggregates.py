"""Aggregates by posting and day: one set-based statement a slice, for there are as many rows as facts."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from sqlmodel import Session

from domain.counting import PROJECTED, Choice
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
_SAME = (
    "n.day = t.day AND n.platform = t.platform AND n.metric = t.metric AND n.posting_no = t.posting_no "
    "AND n.currency = t.currency"
)
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
        f"t.company_no = :company AND t.day IN ({listed(part.days)}) AND t.platform IN ({listed(part.platforms)}) "
        f"AND t.metric IN ({listed(part.metrics)})"
    )
    if not counted:
        return int(run(session, f"DELETE FROM posting_analytics_aggregated AS t WHERE {within}", *whose).rowcount)  # noqa: S608 -- integers
    told = _told(session, part, counted)
    has_any = f"SELECT EXISTS (SELECT 1 FROM posting_analytics_aggregated AS t WHERE {within})"  # noqa: S608 -- integers
    if not run(session, has_any, *whose).scalar_one():
        into = ("posting_analytics_aggregated", f"(company_no, {_KEY[1:]}")
        return int(run(session, _adding(told, into) if is_sqlite(session) else _grouping(told), *whose).rowcount)
    if not is_sqlite(session):
        return int(run(session, _replacing(told, within), *whose).scalar_one())
    return _compare_on_sqlite(session, whose, (told, within))


def _grouping(told: str) -> str:
    """For PostgreSQL: INSERT of the facts, added up, where there are none of the slice: nothing to compare with."""
    key = _KEY.strip("()")
    return (
        f"INSERT INTO posting_analytics_aggregated ({_COLUMNS}) SELECT :company, {key}, CAST(SUM(value) AS BIGINT), "  # noqa: S608 -- integers and our own words
        f"MAX(provisional) FROM ({told}) AS told GROUP BY {key} ORDER BY {key}"
    )


def _replacing(told: str, within: str) -> str:
    """For PostgreSQL: deletes, changes and inserts what differs, tells how many; right ones are not even locked.

    Nobody else writes rows of this company, whose lock is held. A FULL JOIN is hashed whatever the planner believes of
    the sizes; what it finds is then looked up by the table's own key.
    """
    table = "posting_analytics_aggregated"
    key = _KEY.strip("()")
    same = " AND ".join(f"t.{column} = d.{column}" for column in key.split(", "))
    return (
        f"WITH n AS MATERIALIZED (SELECT {key}, CAST(SUM(value) AS BIGINT) AS value, MAX(provisional) AS provisional "  # noqa: S608 -- integers and our own words
        f"FROM ({told}) AS told GROUP BY {key}), "
        f"o AS MATERIALIZED (SELECT {key}, value, provisional FROM {table} t WHERE {within}), "
        f"d AS MATERIALIZED (SELECT {key}, n.value, n.provisional, o.value IS NULL AS is_new FROM n FULL JOIN o "
        f"USING ({key}) WHERE (n.value, n.provisional) IS DISTINCT FROM (o.value, o.provisional)), "
        f"gone AS (DELETE FROM {table} t USING d WHERE d.value IS NULL AND t.company_no = :company AND {same} "
        "RETURNING 1), "
        f"changed AS (UPDATE {table} t SET value = d.value, provisional = d.provisional FROM d "
        f"WHERE d.value IS NOT NULL AND NOT d.is_new AND t.company_no = :company AND {same} RETURNING 1), "
        f"new AS (INSERT INTO {table} ({_COLUMNS}) SELECT :company, {key}, value, provisional FROM d WHERE d.is_new "
        f"ORDER BY {key} RETURNING 1) "
        "SELECT (SELECT COUNT(*) FROM gone) + (SELECT COUNT(*) FROM changed) + (SELECT COUNT(*) FROM new)"
    )


def _adding(told: str, into: tuple[str, str]) -> str:
    """For SQLite: INSERT of the facts, added up, into a table (its name and key) that has none of the slice."""
    table, key = into
    return (
        f"INSERT INTO {table} AS t ({_COLUMNS}) SELECT :company, day, platform, metric, posting_no, currency, "  # noqa: S608 -- integers and our own words
        f"value, provisional FROM ({told}) WHERE true ON CONFLICT {key} {_ADD}"
    )


def _compare_on_sqlite(session: Session, whose: tuple[int, int], which: tuple[str, str]) -> int:
    """Add up apart (`which`: the facts told, the slice's rows), write what differs, delete what was not counted."""
    told, within = which
    run(session, _SCRATCH, *whose)
    run(session, "DELETE FROM counted_postings", *whose)
    run(session, _adding(told, ("counted_postings", _KEY)), *whose)
    changed = int(run(session, _UPSERT, *whose).rowcount)
    known = f"SELECT COUNT(*) FROM posting_analytics_aggregated AS t WHERE {within}"  # noqa: S608 -- integers
    counted = run(session, "SELECT COUNT(*) FROM counted_postings", *whose).scalar_one()
    if run(session, known, *whose).scalar_one() == counted:
        return changed
    stale = (
        f"DELETE FROM posting_analytics_aggregated AS t WHERE {within} "  # noqa: S608 -- integers
        f"AND NOT EXISTS (SELECT 1 FROM counted_postings n WHERE {_SAME})"
    )
    return changed + int(run(session, stale, *whose).rowcount)


def _told(session: Session, part: Slice, counted: Sequence[CountedPostings]) -> str:
    """SELECT of the facts by posting that are counted."""
    groups: dict[tuple[bool, bool], list[CountedPostings]] = defaultdict(list)
    for one in counted:
        groups[one.choice.how.by_source, one.projected].append(one)
    return " UNION ALL ".join(
        _facts(session, group, (sources_clause(part.platforms[0]) if by_source else ("", ""), is_projected))
        for (by_source, is_projected), group in groups.items()
    )


def _facts(session: Session, counted: Sequence[CountedPostings], which: tuple[tuple[str, str], bool]) -> str:
    """The same for choices of one kind: counted by source (`which` JOIN and AND) or not, projected facts or others."""
    (join, kept), is_projected = which
    values = values_of(
        (one.choice.connection, one.platform, one.day, one.choice.metric, one.choice.origin, int(one.provisional))
        for one in counted
    )
    postings = (
        "LEFT JOIN external_postings e ON e.number = f.external_posting LEFT JOIN job_postings p ON p.id = e.posting_id"
    )
    equal, plain = "=" if is_projected else "<>", "" if join else " AND f.breakdown = 0"
    # The scope is 2, POSTING; the rest of the key up to there makes each counted row one range of the facts' key. All
    # that does not hang on another table stands inside, where PostgreSQL knows how many rows it leaves.
    source = looked_up(
        session,
        ("platform_analytics_raw", "currency, value, breakdown, external_posting"),
        "f.company_no = :company AND f.config_no = c.config_no AND f.day = c.day AND f.metric = c.metric "
        f"AND f.scope = 2 AND f.origin = c.origin AND f.hour = -1 AND f.seen {equal} {PROJECTED}{plain}",
        (f"{join} {postings}", kept),
    )
    return (
        f"SELECT c.day, c.platform, c.metric, COALESCE(p.number, 0) AS posting_no, f.currency, f.value, "  # noqa: S608 -- integers and our own words
        f"c.provisional FROM (SELECT column1 AS config_no, column2 AS platform, column3 AS day, column4 AS metric, "
        f"column5 AS origin, column6 AS provisional FROM ({values}) AS v) AS c {source}"
    )

"""Any metric, split by any dimension, over any buckets, narrowed to anything: the general question.

Rows are long: one for each bucket, combination of dimensions, metric and currency. What was not read has no row.
Totals by platform come from the aggregates that screens use; rows by posting from those by posting; what lies below a
platform from its own reports, where rows explain a total and need not sum to it (see sources).
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple

from sqlalchemy import Uuid, bindparam, text
from sqlmodel import Session

from domain.facts import Origin, Scope, day_number, day_of
from domain.metrics import BY_NAME, Axis
from domain.metrics import BY_NUMBER as METRICS
from domain.periods import Grain, Period, buckets
from domain.platforms import BY_KEY, BY_NUMBER
from store.reports.numbers import Asked, metric_numbers, read_cells
from store.reports.scope import CompanyScope

QueryGrain = Literal["total", "day", "week", "month"]
#: What a posting may be split or narrowed by.
POSTING_DIMENSIONS = ("posting", "department", "location", "recruiter", "hiring_manager")
#: What lies below a platform, by the kind of breakdown its reports name it in.
BELOW_DIMENSIONS = {"source": "source", "medium": "source", "campaign": "campaign", "paid": "paid"}
DIMENSIONS = ("platform", *POSTING_DIMENSIONS, *BELOW_DIMENSIONS)


class Unanswerable(ValueError):
    """The question adds up what does not add up, or splits by what is not known together; the text says which."""


@dataclass(frozen=True, slots=True)
class Query:
    """A general question. `narrowed` keeps only rows whose dimension (of DIMENSIONS) is one of the values;
    none of them: no rows. A posting's value is its number. Raises Unanswerable.
    """

    metrics: tuple[str, ...]
    period: Period
    grain: QueryGrain = "total"
    breakdown: tuple[str, ...] = ()
    narrowed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        touched = {*self.breakdown, *self.narrowed}
        if touched & set(POSTING_DIMENSIONS) and touched & set(BELOW_DIMENSIONS):
            raise Unanswerable("Platforms do not tell sources by posting: ask for one or the other.")
        if len({BELOW_DIMENSIONS[name] for name in touched & set(BELOW_DIMENSIONS)}) > 1:
            raise Unanswerable("Sources, campaigns and paid or organic are told apart from each other: ask for one.")
        for name in self.metrics:
            for axis in self._summed():
                if axis not in BY_NAME[name].adds_over:
                    raise Unanswerable(f"{BY_NAME[name].label} does not add up over {_PLURALS[axis]}.")

    def _summed(self) -> list[Axis]:
        """The axes that a row of this question sums over."""
        summed: list[Axis] = []
        if self.grain != "day" and self.period.days > 1:
            summed.append("day")
        if "platform" not in self.breakdown and len(self.narrowed.get("platform", ())) != 1:
            summed.append("platform")
        if set(POSTING_DIMENSIONS) & {*self.breakdown, *self.narrowed}:
            summed.append("posting")
        return summed


_PLURALS: dict[Axis, str] = {"day": "days", "platform": "platforms", "posting": "postings"}

#: What orders rows and says where a page ended: first day, dimensions as stored, metric number, currency.
Key = tuple[Any, ...]


class QueryRow(NamedTuple):
    """One answer, `dimensions` in the order asked. By posting and below a platform no coverage is kept: None."""

    key: Key
    start: date
    end: date
    dimensions: tuple[Any, ...]
    metric: str
    currency: str
    value: int
    covered_days: int | None
    is_provisional: bool


def run_query(
    session: Session, company: CompanyScope, query: Query, *, after: Key | None = None, limit: int
) -> list[QueryRow]:
    """At most `limit` rows in the order of their keys, those after `after` only."""
    if not all(query.narrowed.values()):
        return []
    touched = {*query.breakdown, *query.narrowed}
    ends = {day_number(part.start): part.end for part in _buckets(query)}
    if touched & set(POSTING_DIMENSIONS):
        return _from_sql(session, _by_posting(company), query, ends, (after, limit))
    if touched & set(BELOW_DIMENSIONS):
        return _from_sql(session, _below(query, company), query, ends, (after, limit))
    return _from_cells(session, company, query, ends, (after, limit))


def _buckets(query: Query) -> list[Period]:
    return [query.period] if query.grain == "total" else buckets(query.period, query.grain)


def _from_cells(
    session: Session, company: CompanyScope, query: Query, ends: Mapping[int, date], page: tuple[Key | None, int]
) -> list[QueryRow]:
    """Sums of stored aggregates: as many cells as the dashboard reads, whatever the number of facts."""
    platforms = tuple(BY_KEY[key].number for key in query.narrowed.get("platform", ()))
    grain: Grain = "month" if query.grain == "total" else query.grain
    cells = read_cells(Asked(session, company.number, platforms), query.metrics, query.period, grain)
    starts = sorted(ends)
    is_split = "platform" in query.breakdown
    sums: dict[Key, list[int]] = {}
    for metric, platform, currency, start, value, covered, provisional in cells:
        key = (starts[bisect_right(starts, start) - 1], *([platform] if is_split else []), metric, currency)
        entry = sums.setdefault(key, [0, 0, 0])
        entry[0] += value
        entry[1] += covered
        entry[2] |= provisional
    after, limit = page
    keys = sorted(key for key in sums if after is None or key > after)[:limit]
    return [_row(key, query, ends, (sums[key][0], sums[key][2], sums[key][1])) for key in keys]


@dataclass(frozen=True, slots=True)
class _Statement:
    """What a question asks of a table: `columns` by dimension, everything after SELECT's list, and its values."""

    columns: Mapping[str, str]
    source: str
    values: dict[str, Any]


def _by_posting(company: CompanyScope) -> _Statement:
    columns = {"platform": "f.platform", "posting": "f.posting_no"}
    columns |= {name: f"COALESCE(p.{name}, '')" for name in POSTING_DIMENSIONS[1:]}
    source = (
        "posting_analytics_aggregated f LEFT JOIN job_postings p ON p.company_id = :company_id"
        " AND p.number = f.posting_no"
    )
    return _Statement(columns, source, {"company_id": company.id, "company": company.number})


def _below(query: Query, company: CompanyScope) -> _Statement:
    platform = "CASE c.platform " + " ".join(f"WHEN '{one.key}' THEN {one.number}" for one in BY_NUMBER.values())
    columns = {"platform": f"{platform} END", "source": "b.source", "medium": "b.medium", "campaign": "b.campaign"}
    columns["paid"] = "b.source"
    touched = {*query.breakdown, *query.narrowed} & set(BELOW_DIMENSIONS)
    kind = BELOW_DIMENSIONS[min(touched)]
    source = (
        "platform_analytics_raw f JOIN platform_configs c ON c.number = f.config_no"
        " JOIN breakdowns b ON b.number = f.breakdown AND b.config_no = f.config_no AND b.kind = :kind"
        f" AND f.scope = {int(Scope.TOTAL)} AND f.origin = {int(Origin.POLL)}"
    )
    return _Statement(columns, source, {"kind": kind, "company": company.number})


def _from_sql(
    session: Session,
    statement: _Statement,
    query: Query,
    ends: Mapping[int, date],
    page: tuple[Key | None, int],
) -> list[QueryRow]:
    """Grouped by the database, which also skips what earlier pages told."""
    after, limit = page
    start, joined = _bucket(query, ends)
    keys = [start, *(statement.columns[name] for name in query.breakdown), "f.metric", "f.currency"]
    where, values = _narrowed(statement, query)
    if after is not None:
        where += f" AND ({', '.join(keys)}) > ({', '.join(f':after{at}' for at in range(len(keys)))})"
        values |= {f"after{at}": value for at, value in enumerate(after)}
    places = ", ".join(str(at) for at in range(1, len(keys) + 1))
    asked = text(
        f"SELECT {', '.join(keys)}, SUM(f.value), MAX(f.provisional) FROM {statement.source}{joined}"  # noqa: S608
        f" WHERE {where} GROUP BY {places} ORDER BY {places} LIMIT :limit"
    )
    if "company_id" in statement.values:
        asked = asked.bindparams(bindparam("company_id", type_=Uuid()))
    span = {"start": day_number(query.period.start), "end": day_number(query.period.end)}
    found = session.connection().execute(asked, {**statement.values, **values, **span, "limit": limit})
    return [_row(tuple(row[:-2]), query, ends, (int(row[-2]), int(row[-1]), None)) for row in found]


def _bucket(query: Query, ends: Mapping[int, date]) -> tuple[str, str]:
    """SQL of a fact's bucket, and the join that finds it."""
    if query.grain == "total":
        return f"{day_number(query.period.start)}", ""
    if query.grain == "day":
        return "f.day", ""
    spans = ", ".join(f"({start}, {day_number(end)})" for start, end in ends.items())
    return "k.column1", f" JOIN (VALUES {spans}) AS k ON f.day >= k.column1 AND f.day < k.column2"


def _narrowed(statement: _Statement, query: Query) -> tuple[str, dict[str, Any]]:
    """The conditions of a question and the values bound in them."""
    metrics = ", ".join(str(number) for number in metric_numbers(query.metrics))
    where = f"f.company_no = :company AND f.day >= :start AND f.day < :end AND f.metric IN ({metrics})"
    values: dict[str, Any] = {}
    for name, wanted in query.narrowed.items():
        kept = [BY_KEY[key].number for key in wanted] if name == "platform" else list(wanted)
        names = [f"{name}{at}" for at in range(len(kept))]
        values |= dict(zip(names, kept, strict=True))
        where += f" AND {statement.columns[name]} IN ({', '.join(f':{each}' for each in names)})"
    return where, values


def _row(key: Key, query: Query, ends: Mapping[int, date], told: tuple[int, int, int | None]) -> QueryRow:
    start, *dimensions, metric, currency = key
    shown = tuple(
        BY_NUMBER[value].key if name == "platform" else value
        for name, value in zip(query.breakdown, dimensions, strict=True)
    )
    value, provisional, covered = told
    end = day_of(start + 1) if query.grain == "day" else ends[start]
    return QueryRow(key, day_of(start), end, shown, METRICS[metric].name, currency, value, covered, bool(provisional))

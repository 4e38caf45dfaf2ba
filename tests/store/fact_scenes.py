"""A small company whose facts tests write by hand, and what its aggregates must be by the reference counting."""

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sqlalchemy import Engine, text
from sqlmodel import col, select

from domain.counting import PROJECTED, Connection, Counted, Reading, Told, count_day
from domain.facts import Coverage, Scope, day_number, day_of
from domain.metrics import BY_NAME, BY_NUMBER
from domain.periods import bucket_of
from domain.platforms import BY_KEY
from domain.shares import shares
from store.engine import writing
from store.tables import (
    BreakdownRow,
    Company,
    DirtyDay,
    ExternalPosting,
    JobPosting,
    PlatformConfig,
    RawFact,
    ReadCoverage,
)
from store.tables.facts import GRAINS
from store.writes.choices import preferred_origins

NOW = datetime(2026, 2, 10, 12, tzinfo=UTC)
#: A Wednesday; the week ends on 1 February, so weeks and months are cut differently.
FIRST = day_number(date(2026, 1, 28))
METRIC = {name: metric.number for name, metric in BY_NAME.items()}
DECLARED = {
    "site": {METRIC["applications"]: Counted(Scope.TOTAL, by_source=True), METRIC["views"]: Counted(by_source=True)},
    "zip": {METRIC["applications"]: Counted(Scope.POSTING)},
    "guess": {METRIC["applications"]: Counted(is_estimate=True)},
}
_numbers = itertools.count(1)


@dataclass
class Scene:
    """One company with connections by name; each has two external postings and four breakdowns."""

    engine: Engine
    company: Company
    configs: dict[str, PlatformConfig] = field(default_factory=dict)
    external: dict[str, list[ExternalPosting]] = field(default_factory=dict)
    cuts: dict[str, list[BreakdownRow]] = field(default_factory=dict)
    postings: list[JobPosting] = field(default_factory=list)

    @property
    def no(self) -> int:
        """The company's number."""
        return self.company.number

    def write(self, name, day, metric, value, **more):
        """Write one fact, as a sync would, without coverage or dirty day."""
        with writing(self.engine) as session:
            session.merge(self.fact(name, day, metric, value, **more))

    def fact(self, name, day, metric, value, **more):
        """A fact's row; POLL, TOTAL and no posting where nothing else is said."""
        rest = {"scope": 1, "origin": 1, "external_posting": 0, "breakdown": 0, "hour": -1, "currency": "", "seen": 1}
        return RawFact(
            company_no=self.no,
            config_no=self.configs[name].number,
            day=FIRST + day,
            metric=METRIC[metric],
            value=value,
            **rest | more,
        )

    def cover(self, name, day, metric, *, scope=1, origin=1, provisional=0, state=Coverage.READ):
        """Say that a day was asked for."""
        with writing(self.engine) as session:
            session.merge(
                ReadCoverage(
                    company_no=self.no,
                    config_no=self.configs[name].number,
                    day=FIRST + day,
                    metric=METRIC[metric],
                    scope=scope,
                    origin=origin,
                    state=state,
                    provisional=provisional,
                    as_of=NOW,
                )
            )

    def dirty(self, name, *days):
        """Log days as dirty."""
        with writing(self.engine) as session:
            for day in days:
                session.add(DirtyDay(company_no=self.no, config_no=self.configs[name].number, day=FIRST + day))

    def told(self, name, day, metric, value, **more):
        """A fact with its coverage, logged as dirty."""
        covers = {"scope": more.get("scope", 1), "origin": more.get("origin", 1)}
        self.write(name, day, metric, value, **more)
        self.cover(name, day, metric, provisional=more.get("provisional", 0), **covers)
        self.dirty(name, day)


def make_scene(engine: Engine, connections: dict[str, dict[str, object]]) -> Scene:
    """A new company with these connections (name → platform, connector and so on) and two postings."""
    company = Company(number=next(_numbers) + 100, name="Quarry", time_zone="Europe/Berlin", currency="EUR")
    scene = Scene(engine, company)
    with writing(engine) as session:
        session.add(company)
        session.flush()
        scene.postings = [JobPosting(company_id=company.id, number=number, title="Welder") for number in (1, 2)]
        session.add_all(scene.postings)
        session.flush()
        for name, values in connections.items():
            config = PlatformConfig(company_id=company.id, number=next(_numbers) + 1000, **values)
            session.add(config)
            session.flush()
            scene.configs[name] = config
            refs = [
                ExternalPosting(company_id=company.id, config_id=config.id, external_ref=ref, posting_id=to)
                for ref, to in (("a", scene.postings[0].id), ("b", None))
            ]
            cuts = [
                BreakdownRow(
                    company_no=company.number, config_no=config.number, kind=kind, source=source, source_platform=owner
                )
                for kind, source, owner in (
                    ("source", "google", 0),
                    ("source", "indeed", BY_KEY["indeed"].number),
                    ("source", "linkedin", BY_KEY["linkedin"].number),
                    ("campaign", "spring", 0),
                )
            ]
            session.add_all([*refs, *cuts])
            session.flush()
            scene.external[name], scene.cuts[name] = refs, cuts
    return scene


def stored(engine: Engine, company_no: int):
    """(aggregates, posting aggregates) of a company as sorted tuples, shares included."""
    with engine.connect() as connection:
        totals = connection.execute(
            text(
                "SELECT grain, metric, period_start, platform, currency, value, percentage, covered_days, provisional "
                "FROM platform_analytics_aggregated WHERE company_no = :no"
            ),
            {"no": company_no},
        )
        postings = connection.execute(
            text(
                "SELECT day, platform, metric, posting_no, currency, value, provisional "
                "FROM posting_analytics_aggregated WHERE company_no = :no"
            ),
            {"no": company_no},
        )
        return sorted(tuple(row) for row in totals), sorted(tuple(row) for row in postings)


def expected(scene: Scene, declared=DECLARED):
    """What `stored` must return, counted fact by fact."""
    connections, readings, facts = _told(scene, declared)
    values, postings = {}, []
    for day in {*readings, *facts}:
        count = count_day(connections, readings[day], facts[day])
        for (platform, metric, currency), (value, provisional) in count.totals.items():
            values[GRAINS["day"], metric, day, platform, currency] = (value, 1, int(provisional))
        for (platform, metric, posting, currency), (value, provisional) in count.postings.items():
            postings.append((day, platform, metric, posting, currency, value, int(provisional)))
    return sorted(_shared(values | _periods(values))), sorted(postings)


def _periods(daily):
    periods = {}
    for (_, metric, day, platform, currency), (value, days, provisional) in daily.items():
        for grain in ("week", "month") if "day" in BY_NUMBER[metric].adds_over else ():
            start = day_number(bucket_of(day_of(day), grain).start)
            key = (GRAINS[grain], metric, start, platform, currency)
            was = periods.get(key, (0, 0, 0))
            periods[key] = (was[0] + value, was[1] + days, max(was[2], provisional))
    return periods


def _shared(rows):
    groups = defaultdict(list)
    for key in sorted(rows):
        groups[key[:3], key[4]].append(key)
    found = []
    for ((_, metric, _), _), keys in groups.items():
        parts = shares([rows[key][0] for key in keys]) if "platform" in BY_NUMBER[metric].adds_over else None
        for key, share in zip(keys, parts or [None] * len(keys), strict=True):
            value, days, provisional = rows[key]
            found.append((*key, value, share, days, provisional))
    return found


def _told(scene, declared):
    readings, facts = defaultdict(list), defaultdict(list)
    with writing(scene.engine) as session:
        configs = session.exec(select(PlatformConfig).where(PlatformConfig.company_id == scene.company.id)).all()
        connections = [
            Connection(
                number=one.number,
                platform=BY_KEY[one.platform].number,
                is_internal=not one.connector,
                is_live=one.deleted_at is None,
                account=one.account_ref,
                currency=one.currency or scene.company.currency,
                preferred=preferred_origins(one.counted_origins),
                declared=declared.get(one.connector, {}),
            )
            for one in configs
        ]
        for row in session.exec(select(ReadCoverage).where(ReadCoverage.company_no == scene.no)):
            if row.state == Coverage.READ:
                readings[row.day].append(
                    Reading(row.config_no, row.metric, row.scope, row.origin, bool(row.provisional))
                )
        numbers = {one.id: one.number for one in session.exec(select(JobPosting))}
        external = {one.number: numbers.get(one.posting_id, 0) for one in session.exec(select(ExternalPosting))}
        cuts = {one.number: (one.kind, one.source_platform) for one in session.exec(select(BreakdownRow))}
        for row in session.exec(select(RawFact).where(RawFact.company_no == scene.no, col(RawFact.hour) == -1)):
            facts[row.day].append(
                Told(
                    row.config_no,
                    row.metric,
                    row.scope,
                    row.origin,
                    external.get(row.external_posting, 0),
                    *cuts.get(row.breakdown, ("", 0)),
                    row.seen == PROJECTED,
                    row.currency,
                    row.value,
                )
            )
    return connections, readings, facts

"""What counts for some days of a company: its connections and their coverage, handed to `domain/counting.py`."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import bindparam, select
from sqlmodel import Session, col

from domain.counting import Choice, Connection, Counted, Reading, chosen
from domain.facts import Coverage, Origin
from domain.metrics import BY_NUMBER
from domain.platforms import BY_KEY
from domain.platforms import BY_NUMBER as PLATFORM_BY_NUMBER
from store.tables import Company, PlatformConfig
from store.writes.sums import listed, run

#: By connector and metric number, how its totals are counted; what is not named counts by its plain total.
Declared = Mapping[str, Mapping[int, Counted]]
#: (platform, day, metric) → the choices that make the platform's number
Choices = dict[tuple[int, int, int], list[Choice]]
ALL_METRICS = tuple(BY_NUMBER)
_CONNECTIONS = (
    select(
        col(PlatformConfig.number),
        col(PlatformConfig.platform),
        col(PlatformConfig.connector),
        col(PlatformConfig.deleted_at).is_(None),
        col(PlatformConfig.account_ref),
        col(PlatformConfig.currency),
        col(Company.currency),
        col(PlatformConfig.counted_origins),
    )
    .join(Company, col(Company.id) == PlatformConfig.company_id)
    .where(
        col(Company.number) == bindparam("company"),
        col(PlatformConfig.platform).in_(bindparam("platforms", expanding=True)),
    )
)


@dataclass(frozen=True, slots=True)
class Slice:
    """Days of a company's platforms, all or some of their metrics: what one transaction recomputes.

    What a site may count depends on the others' aggregates, so that sites come after them: see `in_order`.
    """

    company_no: int
    platforms: tuple[int, ...]
    days: tuple[int, ...]
    metrics: tuple[int, ...] = ALL_METRICS

    def narrowed(self, pieces: int) -> "list[Slice]":
        """The slice cut into at most about `pieces`: by metrics first, for shares and ownership are within one metric.

        >>> [(one.platforms, one.metrics) for one in Slice(1, (3, 4), (9,), (1, 2)).narrowed(4)]
        [((3,), (1,)), ((4,), (1,)), ((3,), (2,)), ((4,), (2,))]
        """
        deep = min(pieces, len(self.metrics))
        across = min(-(-pieces // deep), len(self.platforms))
        return [
            replace(self, platforms=self.platforms[at::across], metrics=self.metrics[part::deep])
            for part in range(deep)
            for at in range(across)
        ]

    def in_order(self) -> "list[Slice]":
        """The slice's platforms that are no sites, all at once, and then each site.

        >>> [one.platforms for one in Slice(1, (1, 3, 4), (9,)).in_order()]
        [(3, 4), (1,)]
        """
        others = tuple(one for one in self.platforms if not PLATFORM_BY_NUMBER[one].is_site)
        sites = [(one,) for one in self.platforms if PLATFORM_BY_NUMBER[one].is_site]
        return [replace(self, platforms=group) for group in (others, *sites) if group]


def connections_of(session: Session, part: Slice, declared: Declared) -> dict[int, Connection]:
    """The connections of the slice's platforms by number."""
    platforms = [PLATFORM_BY_NUMBER[number].key for number in part.platforms]
    found = session.connection().execute(_CONNECTIONS, {"company": part.company_no, "platforms": platforms})
    return {
        number: Connection(
            number=number,
            platform=BY_KEY[platform].number,
            is_internal=not connector,
            is_live=bool(is_live),
            account=account,
            currency=currency or company_currency,
            preferred=preferred_origins(origins),
            declared=declared.get(connector, {}),
        )
        for number, platform, connector, is_live, account, currency, company_currency, origins in found
    }


def preferred_origins(counted_origins: Mapping[str, object]) -> dict[int, Origin]:
    """The company's choices by metric number; what no longer exists is left out."""
    if not counted_origins:
        return {}
    metrics = {metric.name: number for number, metric in BY_NUMBER.items()}
    origins = {origin.name.lower(): origin for origin in Origin}
    return {
        metrics[name]: origins[str(origin)]
        for name, origin in counted_origins.items()
        if name in metrics and str(origin) in origins
    }


def choices_of(session: Session, part: Slice, connections: dict[int, Connection]) -> Choices:
    """Which connections and origins count, for every platform, day and metric of the slice that was read."""
    if not connections:
        return {}
    found = run(
        session,
        "SELECT config_no, metric, scope, origin, provisional, day FROM read_coverage WHERE company_no = :company "  # noqa: S608 -- integers of ours
        f"AND config_no IN ({listed(connections)}) AND day IN ({listed(part.days)}) "
        f"AND metric IN ({listed(part.metrics)}) AND state = {int(Coverage.READ)}",
        part.company_no,
        0,
    )
    readings: dict[tuple[int, int, int], list[tuple[int, int, int, int, int]]] = defaultdict(list)
    for row in found.all():
        readings[connections[row[0]].platform, row[5], row[1]].append(row[:5])
    # Most days were read like the day before: each way of reading is thought through once.
    decided: dict[tuple[tuple[int, int, int, int, int], ...], list[Choice]] = {}
    choices: Choices = {}
    for key, rows in readings.items():
        told = tuple(rows)
        if told not in decided:
            read = [Reading(*row[:4], provisional=bool(row[4])) for row in told]
            own = [one for one in connections.values() if one.platform == key[0]]
            decided[told] = chosen(own, read)
        if decided[told]:
            choices[key] = decided[told]
    return choices

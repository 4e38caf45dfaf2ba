"""What counts: the rules that turn facts as told into one number a platform, metric and day. Pure, no database.

`store/writes/aggregates.py` carries the same rules out in SQL, with `choose` and `chosen` from here; `count_day` is
the reference that its tests compare it with.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from domain.facts import Origin, Scope
from domain.metrics import BY_NAME, BY_NUMBER, FROM_APPLICATIONS
from domain.platforms import BY_NUMBER as PLATFORM_BY_NUMBER

#: What `seen` holds in facts made from applications and referrals, and in no others.
PROJECTED = -1
#: The scope under which such facts' coverage is kept, apart from what a file or platform said.
PROJECTED_SCOPE = Scope.RESIDUAL
#: What `seen` holds in facts made from the tracker's events and from clicks on tracked links, and in no others.
TRACKED = -2
SOURCE = "source"
MADE_FROM_APPLICATIONS = frozenset(BY_NAME[name].number for name in FROM_APPLICATIONS)
Key = TypeVar("Key")
_PARTS = (Scope.POSTING, Scope.RESIDUAL)


class Counted(NamedTuple):
    """How a connector's polled totals are counted: from which scope, and whether summed over `source` breakdowns.

    `is_estimate` is what the platform shows in place of what it knows: it counts only where nobody else tells.
    """

    scope: Scope = Scope.TOTAL
    by_source: bool = False
    is_estimate: bool = False


PLAIN = Counted()
#: How what was tracked is counted: each event under its source, so that a site can leave others what is theirs.
BY_TRACKED_SOURCE = Counted(Scope.TOTAL, by_source=True)


@dataclass(frozen=True, slots=True)
class Connection:
    """What counting knows of a platform config.

    `account` tells connections to the same account apart from those to another ("" when unknown). `preferred` is the
    company's own choice of origin, `declared` the connector's counting; both by metric number.
    """

    number: int
    platform: int
    is_internal: bool = False
    is_live: bool = True
    account: str = ""
    currency: str = ""
    preferred: Mapping[int, Origin] = field(default_factory=dict)
    declared: Mapping[int, Counted] = field(default_factory=dict)


class Reading(NamedTuple):
    """Coverage that says READ, for one day."""

    connection: int
    metric: int
    scope: int
    origin: int
    provisional: bool


class Told(NamedTuple):
    """A fact of one whole day. `posting` is ours, 0 for none; `cut` the kind of its breakdown, "" for none."""

    connection: int
    metric: int
    scope: int
    origin: int
    posting: int
    cut: str
    source_platform: int
    is_projected: bool
    currency: str
    value: int


class Choice(NamedTuple):
    """The origin that counts for one connection, metric and day; `how` applies to polls."""

    connection: int
    metric: int
    origin: int
    how: Counted
    provisional: bool


class DayCount(NamedTuple):
    """(platform, metric, currency) and (platform, metric, posting, currency) → (value, provisional)."""

    totals: dict[tuple[int, int, str], tuple[int, bool]]
    postings: dict[tuple[int, int, int, str], tuple[int, bool]]


def choose(connection: Connection, metric: int, readings: Iterable[Reading]) -> Choice | None:
    """Which origin counts, of those that were read; None leaves a gap.

    A final poll, else an event, else a provisional poll, else a file; the company's own preference before all.
    Interviews, offers and hires are taken only from what applications tell. Of events, applications known one by one
    go before those that were only tracked.

    >>> site = Connection(number=1, platform=1)
    >>> poll, event = Reading(1, 5, 1, Origin.POLL, True), Reading(1, 5, 3, Origin.EVENT, False)
    >>> Origin(choose(site, 5, [poll, event]).origin).name
    'EVENT'
    >>> Origin(choose(site, 5, [poll._replace(provisional=False), event]).origin).name
    'POLL'
    >>> choose(site, 8, [poll._replace(metric=8)]) is None
    True
    """
    how = connection.declared.get(metric, PLAIN)
    provisional: dict[int, bool] = {}
    for reading in readings:
        if _is_candidate(reading, metric, how):
            provisional[reading.origin] = provisional.get(reading.origin, False) or reading.provisional
    if not provisional:
        return None
    poll = Origin.POLL in provisional
    order = [Origin.EVENT, Origin.POLL, Origin.IMPORT]
    if poll and not provisional[Origin.POLL]:
        order = [Origin.POLL, Origin.EVENT, Origin.IMPORT]
    if how.is_estimate:
        order = [Origin.EVENT, Origin.IMPORT, Origin.POLL]
    preferred = connection.preferred.get(metric)
    if preferred in provisional:
        order = [preferred]
    origin = next(origin for origin in order if origin in provisional)
    if origin == Origin.EVENT:
        scopes = {reading.scope for reading in readings if reading.origin == Origin.EVENT and reading.metric == metric}
        how = PLAIN if PROJECTED_SCOPE in scopes else BY_TRACKED_SOURCE
    elif origin == Origin.IMPORT:
        how = PLAIN
    return Choice(connection.number, metric, origin, how, provisional[origin])


def chosen(connections: Iterable[Connection], readings: Sequence[Reading]) -> list[Choice]:
    """The choices that enter one platform's number of one metric and day.

    Accounts add up. Of connections to the same account one counts: a live one before a deleted one, then the newest.
    The internal connection, fed by files and projections, stands in where no other has anything to count, and estimates
    where that one has nothing either.

    >>> old, new = Connection(4, 3, is_live=False, account="a"), Connection(9, 3, account="a")
    >>> reads = [Reading(4, 2, 1, Origin.POLL, False), Reading(9, 2, 1, Origin.POLL, False)]
    >>> [choice.connection for choice in chosen([old, new], reads)]
    [9]
    >>> guess = Connection(9, 3, account="a", declared={2: Counted(is_estimate=True)})
    >>> [choice.connection for choice in chosen([old, guess], reads)]
    [4]
    """
    known: dict[str, Choice] = {}
    internal: list[Choice] = []
    guessed: dict[str, Choice] = {}
    for connection in sorted(connections, key=lambda one: (not one.is_live, -one.number)):
        own = [reading for reading in readings if reading.connection == connection.number]
        if not own:
            continue
        choice = choose(connection, own[0].metric, own)
        if choice is None:
            continue
        if connection.is_internal:
            internal.append(choice)
        else:
            by_account = guessed if choice.how.is_estimate else known
            by_account.setdefault(connection.account or f"#{connection.number}", choice)
    return sorted(known.values() or internal[:1] or guessed.values())


def told_parts(metric: int, scopes_told: Iterable[tuple[int, bool]]) -> list[tuple[int, bool]] | None:
    """Which (scope, is projected) of a file's or event's facts make the total: the total itself, else its parts.

    Parts that a file told go before parts made from applications. None where only parts are known of a metric that
    does not add over postings: then nobody knows the total.

    >>> told_parts(5, [(2, True), (3, True), (2, False)])
    [(2, False)]
    >>> told_parts(9, [(2, False)]) is None
    True
    """
    told = set(scopes_told)
    if metric in MADE_FROM_APPLICATIONS:
        return sorted(one for one in told if one[1])
    if (Scope.TOTAL, False) in told:
        return [(Scope.TOTAL, False)]
    parts = sorted(one for one in told if not one[1]) or sorted(told)
    return None if parts and "posting" not in BY_NUMBER[metric].adds_over else parts


def told_postings(metric: int, posting_facts_projected: Iterable[bool]) -> bool:
    """Whether a file's or event's numbers by posting are the projected ones: only where no file told any.

    >>> told_postings(5, [True, False]), told_postings(5, [True]), told_postings(8, [True, False])
    (False, True, True)
    """
    return metric in MADE_FROM_APPLICATIONS or False not in set(posting_facts_projected)


def polled_scopes(how: Counted) -> tuple[Scope, ...]:
    """The scopes whose facts make a polled total: postings go with what belongs to none of them."""
    return _PARTS if how.scope == Scope.POSTING else (how.scope,)


def count_day(connections: Sequence[Connection], readings: Sequence[Reading], facts: Sequence[Told]) -> DayCount:
    """Count one day of one company. Read and nothing told is 0; not read has no entry."""
    choices: dict[tuple[int, int], list[Choice]] = {}
    for platform in {one.platform for one in connections}:
        own = [one for one in connections if one.platform == platform]
        numbers = {one.number for one in own}
        for metric in BY_NUMBER:
            read = [one for one in readings if one.metric == metric and one.connection in numbers]
            kept = [one for one in chosen(own, read) if _own_total(one, facts, lambda _fact: False) is not None]
            if kept:
                choices[platform, metric] = kept
    count = DayCount({}, {})
    currencies = {one.number: one.currency for one in connections}
    for (platform, metric), kept in choices.items():
        is_owned = _owned_by_others(platform, metric, choices)
        provisional = any(choice.provisional for choice in kept)
        totals = _total_of(kept, facts, is_owned)
        if not totals:
            totals[currencies[kept[0].connection] if BY_NUMBER[metric].unit == "money" else ""] = 0
        count.totals.update({(platform, metric, currency): (value, provisional) for currency, value in totals.items()})
        for (posting, currency), value in _postings_of(kept, facts, is_owned).items():
            count.postings[platform, metric, posting, currency] = value, provisional
    return count


def _is_candidate(reading: Reading, metric: int, how: Counted) -> bool:
    if reading.origin == Origin.POLL:
        return metric not in MADE_FROM_APPLICATIONS and reading.scope == how.scope
    return metric not in MADE_FROM_APPLICATIONS or reading.scope == PROJECTED_SCOPE


def _owned_by_others(platform: int, metric: int, covered: Iterable[tuple[int, int]]) -> Callable[[Told], bool]:
    """Whether a source row of a site belongs to another platform that reports the metric itself that day."""
    if not PLATFORM_BY_NUMBER[platform].is_site:
        return lambda _fact: False
    others = {one for one, its_metric in covered if its_metric == metric and one != platform}
    return lambda fact: fact.source_platform in others


def _total_of(kept: list[Choice], facts: Sequence[Told], is_owned: Callable[[Told], bool]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for choice in kept:
        totals.update(_own_total(choice, facts, is_owned) or {})
    return totals


def _postings_of(
    kept: list[Choice], facts: Sequence[Told], is_owned: Callable[[Told], bool]
) -> Counter[tuple[int, str]]:
    postings: Counter[tuple[int, str]] = Counter()
    for choice in kept:
        postings.update(_own_postings(choice, facts, is_owned))
    return postings


def _told_of(choice: Choice, facts: Sequence[Told], is_owned: Callable[[Told], bool]) -> list[Told]:
    cut = SOURCE if choice.how.by_source else ""
    key = (choice.connection, choice.metric, choice.origin)
    told = [fact for fact in facts if (fact.connection, fact.metric, fact.origin) == key and fact.cut == cut]
    return [fact for fact in told if not (choice.how.by_source and is_owned(fact))]


def _own_total(choice: Choice, facts: Sequence[Told], is_owned: Callable[[Told], bool]) -> dict[str, int] | None:
    told = _told_of(choice, facts, is_owned)
    if choice.origin == Origin.POLL:
        told = [fact for fact in told if fact.scope in polled_scopes(choice.how)]
    else:
        parts = told_parts(choice.metric, [(fact.scope, fact.is_projected) for fact in told])
        if parts is None:
            return None
        told = [fact for fact in told if (fact.scope, fact.is_projected) in parts]
    return _summed((fact.currency, fact.value) for fact in told)


def _own_postings(
    choice: Choice, facts: Sequence[Told], is_owned: Callable[[Told], bool]
) -> dict[tuple[int, str], int]:
    if "posting" not in BY_NUMBER[choice.metric].adds_over:
        return {}
    told = [fact for fact in _told_of(choice, facts, is_owned) if fact.scope == Scope.POSTING]
    if choice.origin != Origin.POLL:
        projected = told_postings(choice.metric, [fact.is_projected for fact in told])
        told = [fact for fact in told if fact.is_projected == projected]
    return _summed(((fact.posting, fact.currency), fact.value) for fact in told)


def _summed(pairs: Iterable[tuple[Key, int]]) -> dict[Key, int]:
    sums: dict[Key, int] = {}
    for key, value in pairs:
        sums[key] = sums.get(key, 0) + value
    return sums

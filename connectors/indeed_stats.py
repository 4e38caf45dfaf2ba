"""Indeed's campaign statistics: the JSON envelope, a day's numbers, and their sum over campaigns."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec

from connectors.contract import Closed, closed_around
from connectors.errors import SchemaDrift
from connectors.wording import amount, clean, whole_number
from domain.facts import MAX_VALUE, Breakdown, Fact, Scope
from domain.money import Money

DataT = TypeVar("DataT")

#: What a day's numbers are summed into: our metric, and whether a sponsored placement brought it.
COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("impressions", "impressions", "sponsored"),
    ("organic_impressions", "impressions", "organic"),
    ("clicks", "clicks", "sponsored"),
    ("organic_clicks", "clicks", "organic"),
    ("applystarts", "apply_starts", "sponsored"),
    ("organic_applystarts", "apply_starts", "organic"),
    ("conversions", "applications", "sponsored"),
)
METRICS = ("impressions", "clicks", "apply_starts", "applications", "spend")


class Link(msgspec.Struct):
    """A link to another page; `href` is relative to the API's root."""

    rel: str
    href: str


class Meta(msgspec.Struct):
    """The envelope's head. The specification of 2021 has one link where the API sends a list; both are read."""

    links: list[Link] | Link | None = None


class Envelope(msgspec.Struct, Generic[DataT]):
    """Every JSON answer."""

    meta: Meta
    data: DataT

    def next_link(self) -> str:
        """The next page's link, "" on the last one."""
        return next((link.href for link in _listed(self.meta.links) if link.rel == "next"), "")


class Campaign(msgspec.Struct, rename="pascal"):
    """A campaign as the list shows it."""

    id: str
    name: str = ""


class Campaigns(msgspec.Struct, rename="pascal"):
    """A page of campaigns."""

    campaigns: list[Campaign] | Campaign | None


class Entry(msgspec.Struct, rename="pascal"):
    """One campaign's day. Numbers come as numbers or as text, so they are read by us and exactly."""

    date: str
    clicks: msgspec.Raw
    impressions: msgspec.Raw
    conversions: msgspec.Raw
    cost: msgspec.Raw
    organic_clicks: msgspec.Raw
    organic_impressions: msgspec.Raw
    applystarts: msgspec.Raw
    organic_applystarts: msgspec.Raw
    currency_code: str | None = None


class Entries(msgspec.Struct):
    """A page of days."""

    entries: list[Entry] | Entry


class Advertised(msgspec.Struct, rename="camel"):
    """One posting of a campaign; the reference number is the employer's own."""

    title: str = ""
    ref_num: str | None = None


class Adverts(msgspec.Struct):
    """A page of a campaign's postings."""

    entries: list[Advertised] | Advertised | None


def _listed(found: list[Any] | Any | None) -> list[Any]:
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


def campaigns_of(page: Envelope[Campaigns]) -> list[Campaign]:
    """A page's campaigns, whether listed or alone."""
    return _listed(page.data.campaigns)


def entries_of(page: Envelope[Entries]) -> list[Entry]:
    """A page's days, whether listed or alone."""
    return _listed(page.data.entries)


def adverts_of(page: Envelope[Adverts]) -> list[Advertised]:
    """The page's postings."""
    return _listed(page.data.entries)


def requisitions(adverts: Iterable[Advertised]) -> dict[str, str]:
    """Title → reference number, "" for titles that several requisitions share: those cannot be told apart.

    >>> requisitions([Advertised("Cook", "R-1"), Advertised("Smith", "R-2"), Advertised("Smith", "R-3")])
    {'Cook': 'R-1', 'Smith': ''}
    """
    found: dict[str, str] = {}
    for advert in adverts:
        title, ref = clean(advert.title), clean(advert.ref_num or "", 200)
        found[title] = ref if found.get(title, ref) == ref else ""
    return found


def labels(campaigns: Iterable[Campaign]) -> dict[str, str]:
    """Campaign id → a name that no other campaign has: breakdowns know campaigns by name.

    >>> labels([Campaign("a1", "Spring"), Campaign("b2", "Spring"), Campaign("c3", "")])
    {'a1': 'Spring (a1)', 'b2': 'Spring (b2)', 'c3': 'c3'}
    """
    named = {campaign.id: clean(campaign.name, 200) for campaign in campaigns}
    how_many = Counter(named.values())
    return {ref: ref if not name else name if how_many[name] == 1 else f"{name} ({ref})" for ref, name in named.items()}


@dataclass
class Sums:
    """Numbers by day, column and currency, kept as text in the cursor while campaigns are read one by one.

    `bad` holds days of which a record was refused: their sums would be too small, so they are not told.
    """

    counts: dict[str, list[int]] = field(default_factory=dict)
    spend: dict[str, dict[str, str]] = field(default_factory=dict)
    bad: list[str] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)

    def take(self, entry: Entry, start: date, end: date) -> None:
        """Add one campaign's day. Raises SchemaDrift for a day that was not asked for."""
        day = _day(entry.date)
        if not start <= day < end:
            raise SchemaDrift(f"asked for {start} to {end}, got {day}")
        values = [whole_number(_text(getattr(entry, column))) for column, _, _ in COLUMNS]
        cost = amount(_text(entry.cost) or "0")
        currency = (entry.currency_code or "").strip().upper()
        if None in values or cost is None:
            self._refuse(day, "value")
        elif cost and not _is_currency(currency):
            self._refuse(day, "currency")
        else:
            self._add(day.isoformat(), [value for value in values if value is not None], {currency: cost})

    def merge(self, other: "Sums") -> None:
        """Add another campaign's sums."""
        for day, values in other.counts.items():
            self._add(day, values, {currency: Decimal(text) for currency, text in other.spend.get(day, {}).items()})
        self.bad = sorted({*self.bad, *other.bad})

    def _refuse(self, day: date, reason: str) -> None:
        self.rejected[reason] += 1
        self.bad = sorted({*self.bad, day.isoformat()})

    def _add(self, day: str, values: list[int], costs: dict[str, Decimal]) -> None:
        known = self.counts.get(day, [0] * len(COLUMNS))
        self.counts[day] = [before + more for before, more in zip(known, values, strict=True)]
        for currency, cost in costs.items():
            if cost:
                spent = self.spend.setdefault(day, {})
                spent[currency] = str(Decimal(spent.get(currency, "0")) + cost)

    def facts(self, breakdown: Breakdown | None = None) -> Iterator[Fact]:
        """Sums of sponsored and organic as facts of the whole account, or of what `breakdown` names."""
        for day, values in self._good_days():
            added: Counter[str] = Counter()
            for (_, metric, _), value in zip(COLUMNS, values, strict=True):
                added[metric] += value
            yield from _counted(added, day, breakdown)
            yield from self._spend(day, breakdown)

    def paid_facts(self) -> Iterator[Fact]:
        """The same numbers split into sponsored and organic; money is always sponsored."""
        for day, values in self._good_days():
            for paid in ("sponsored", "organic"):
                chosen = zip(COLUMNS, values, strict=True)
                added = {metric: value for (_, metric, kind), value in chosen if kind == paid}
                yield from _counted(added, day, Breakdown("paid", paid))
            yield from self._spend(day, Breakdown("paid", "sponsored"))

    def _good_days(self) -> Iterator[tuple[date, list[int]]]:
        for day, values in sorted(self.counts.items()):
            if day not in self.bad:
                yield date.fromisoformat(day), values

    def _spend(self, day: date, breakdown: Breakdown | None) -> Iterator[Fact]:
        for currency, text in sorted(self.spend.get(day.isoformat(), {}).items()):
            minor = Money.of(Decimal(text), currency).minor
            if 0 < minor <= MAX_VALUE:
                yield Fact("spend", day, minor, breakdown=breakdown, currency=currency)

    def closed(self, start: date, end: date) -> tuple[Closed, ...]:
        """The runs of days that are complete: all but the bad ones."""
        whole = Closed(METRICS, Scope.TOTAL, start, end)
        return closed_around(whole, [date.fromisoformat(day) for day in self.bad])


def _counted(added: dict[str, int], day: date, breakdown: Breakdown | None) -> Iterator[Fact]:
    for metric, value in added.items():
        if 0 < value <= MAX_VALUE:
            yield Fact(metric, day, value, breakdown=breakdown)


def _text(raw: msgspec.Raw) -> str:
    """A number's own spelling, whether it came as a number or as text; "" for null."""
    text = bytes(raw).decode("utf-8", "replace").strip()
    return "" if text == "null" else text.strip('"')


def _is_currency(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isalpha()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    raise SchemaDrift(f"{text[:20]!r} is not a date")

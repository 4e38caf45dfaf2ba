"""Indeed's report of one day: CSV with a line for each posting, campaign and device; headers change spelling.

Versions 6 to 8 are read: columns are known by their normalised names, others are ignored.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from connectors.contract import PostingSeen
from connectors.errors import SchemaDrift
from connectors.wording import amount, clean, whole_number
from domain.facts import MAX_VALUE, Fact, Scope
from domain.money import Money

#: Our metric → the columns that add up to it, sponsored and organic.
_SUMS = {
    "impressions": ("impressions", "organicimpressions"),
    "clicks": ("clicks", "organicclicks"),
    "apply_starts": ("applystarts", "organicapplystarts"),
    "applications": ("conversions",),
}
#: What we need, in Indeed's spelling: for telling what is missing.
_NEEDED = (
    "Job Reference Number",
    "Clicks",
    "Impressions",
    "Conversions",
    "Spend (currency)",
    "Organic Clicks",
    "Organic Impressions",
    "Apply Starts",
    "Organic Apply Starts",
)
_REFS = ("jobreferencenumber", "employerjobiduuid", "employerjobid", "employerjobidiri", "job")
_KNOWN = {"campaignid", "spend", *_REFS, *(column for columns in _SUMS.values() for column in columns)}
_SPEND = re.compile(r"([0-9.]+)\s*(?:\(\s*([A-Za-z]{3})\s*\))?")


#: The requisition of a posting, by its campaign's id and its title.
RequisitionOf = Callable[[str, str], str]


@dataclass
class PostingReport:
    """A day's facts by posting, the postings seen, and what was refused; `is_complete` without refusals."""

    facts: list[Fact] = field(default_factory=list)
    postings: tuple[PostingSeen, ...] = ()
    rejected: Counter[str] = field(default_factory=Counter)

    @property
    def is_complete(self) -> bool:
        """Whether every line could be used."""
        return not self.rejected


def parse_report(text: str, day: date, requisition_of: RequisitionOf | None = None) -> PostingReport:
    """The report's text as facts, devices and campaigns added up. Raises SchemaDrift when a column is missing.

    `requisition_of` is asked, with the campaign's id and the posting's title, for lines without a reference number; ""
    where it does not know.
    """
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        headers = [normalised(cell) for cell in next(rows, [])]
        _check(headers)
        found = _Sums(requisition_of)
        for cells in rows:
            if cells:
                found.take(headers, cells)
    except csv.Error as error:
        reason = str(error)
    else:
        return found.report(day)
    raise SchemaDrift(f"the report is not CSV: {reason}")


def normalised(header: str) -> str:
    """A header as letters and digits only, the part in brackets of a unit left out.

    >>> normalised("Spend (currency)"), normalised("Job Reference Number"), normalised("Employer Job ID (UUID)")
    ('spend', 'jobreferencenumber', 'employerjobiduuid')
    """
    plain = re.sub(r"[^a-z0-9]", "", header.casefold())
    return "spend" if re.fullmatch(r"spend(currency|[a-z]{3})?", plain) else plain


def _check(headers: list[str]) -> None:
    missing = [name for name in _NEEDED if normalised(name) not in headers]
    if missing:
        raise SchemaDrift(f"the report lacks columns: {', '.join(missing)}")
    if len({name for name in headers if name in _KNOWN}) < sum(name in _KNOWN for name in headers):
        raise SchemaDrift("the report has a column twice")


class _Sums:
    """Adds lines up by posting."""

    def __init__(self, requisition_of: RequisitionOf | None) -> None:
        self._requisition_of = requisition_of
        self._counts: Counter[tuple[str, str]] = Counter()
        self._spend: dict[tuple[str, str], Decimal] = {}
        self._postings: dict[str, PostingSeen] = {}
        self._rejected: Counter[str] = Counter()

    def take(self, headers: list[str], cells: list[str]) -> None:
        """Add one line, or count why not."""
        if len(cells) != len(headers):
            self._rejected["cells"] += 1
            return
        line = dict(zip(headers, cells, strict=True))
        line["jobreferencenumber"] = self._reference(line)
        ref = next((text for name in _REFS if (text := clean(line.get(name, ""), 200))), "")
        values = {metric: _added(line, columns) for metric, columns in _SUMS.items()}
        spent = _SPEND.fullmatch(line["spend"].strip() or "0")
        cost = amount(spent[1]) if spent else None
        checks: tuple[tuple[str, Callable[[], bool]], ...] = (
            ("posting", lambda: bool(ref)),
            ("value", lambda: None not in values.values() and cost is not None),
            ("currency", lambda: not cost or bool(spent and spent[2])),
        )
        for reason, fits in checks:
            if not fits():
                self._rejected[reason] += 1
                return
        self._counts.update({(ref, metric): value or 0 for metric, value in values.items()})
        if cost and spent:
            key = ref, spent[2].upper()
            self._spend[key] = self._spend.get(key, Decimal()) + cost
        seen = PostingSeen(ref=ref, title=clean(line.get("job", "")), requisition_ref=line["jobreferencenumber"])
        self._postings.setdefault(ref, seen)

    def _reference(self, line: dict[str, str]) -> str:
        told = clean(line["jobreferencenumber"], 200)
        title, campaign = clean(line.get("job", "")), line.get("campaignid", "").strip()
        if told or self._requisition_of is None or not title or not campaign:
            return told
        return self._requisition_of(campaign, title)

    def report(self, day: date) -> PostingReport:
        """What the lines come to."""
        facts = [
            Fact(metric, day, value, Scope.POSTING, ref)
            for (ref, metric), value in self._counts.items()
            if 0 < value <= MAX_VALUE
        ]
        for (ref, currency), cost in self._spend.items():
            minor = Money.of(cost, currency).minor
            if 0 < minor <= MAX_VALUE:
                facts.append(Fact("spend", day, minor, Scope.POSTING, ref, currency=currency))
        return PostingReport(facts, tuple(self._postings.values()), self._rejected)


def _added(line: dict[str, str], columns: tuple[str, ...]) -> int | None:
    values = [whole_number(line[column]) for column in columns]
    return None if None in values else sum(value for value in values if value is not None)

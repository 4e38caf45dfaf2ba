"""A metrics file's numbers gathered under the keys of facts, in a private temporary database beside memory."""
# ruff: noqa: S608 - what is put together here are constants of this module

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from types import TracebackType
from typing import NamedTuple

from connectors.files.errors import FileRefused
from connectors.files.metric_rows import Measurement
from connectors.files.rejections import Rejections
from domain.facts import MAX_VALUE, Scope, day_number, day_of
from domain.metrics import BY_NAME, BY_NUMBER
from domain.text import key_text
from store.writes.numbers import REF_LENGTH

#: Different postings or campaigns in one file; more is not an export of postings.
MAX_NAMES = 200_000
#: The posting that rows without one stand under, in a file by posting.
NO_POSTING = "(no posting)"
#: What a stored campaign name may have.
CAMPAIGN_LENGTH = 280
_FLUSH = 50_000
#: A key is one integer, for speed: day, metric, scope, posting, campaign and currency, at these bits.
_DAY, _METRIC, _SCOPE, _POSTING, _CAMPAIGN = 47, 42, 40, 22, 4
_NAME_BITS, _CURRENCIES = (1 << 18) - 1, 15
_TABLE = "CREATE TABLE staged (key INTEGER PRIMARY KEY, value INTEGER, line INTEGER, times INTEGER)"
#: Sums stop here, below what SQLite holds; MAX_VALUE refuses them later.
_LIMIT = 4 * 10**18
_ADD = (
    "INSERT INTO staged VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    f"value = min(value + excluded.value, {_LIMIT}), times = times + excluded.times"
)
_IS_TOTAL = f"(key >> {_CAMPAIGN}) & {_NAME_BITS} = 0"
_METRIC_OF = f"(key >> {_METRIC}) & 31"


class StagedFact(NamedTuple):
    """A fact as the whole file tells it. `posting` and `campaign` are indexes into the stage's names, 0 for none."""

    day: int
    metric: int
    scope: int
    posting: int
    campaign: int
    currency: str
    value: int


@dataclass
class Names:
    """Texts as stored and their indexes; index 0 is the empty text. Two spellings of one stored text share an index."""

    limit: int
    texts: list[str] = field(default_factory=lambda: [""])
    _told: dict[str, int] = field(default_factory=lambda: {"": 0})
    _stored: dict[str, int] = field(default_factory=lambda: {"": 0})

    def index(self, told: str) -> int:
        """The index of a text, new or known. Raises FileRefused where there are too many."""
        found = self._told.get(told)
        if found is None:
            stored = key_text(told, self.limit)
            found = self._stored.get(stored)
            if found is None:
                found = self._stored[stored] = len(self.texts)
                self.texts.append(stored)
            self._told[told] = found
            if len(self._told) > MAX_NAMES:
                raise FileRefused(
                    "too_many_names",
                    f"The file names more than {MAX_NAMES:,} different postings or campaigns. "
                    "Check which column is mapped to the posting.",
                )
        return found


class Stage:
    """Gathers measurements; several rows of one key are added up. Use it as a context manager."""

    def __init__(self, *, by_posting: bool, by_campaign: bool) -> None:
        self._by_posting, self._by_campaign = by_posting, by_campaign
        self._pending: list[tuple[int, int, int, int]] = []
        # An empty name is SQLite's private temporary database: in memory while small, then in a file without a name.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA cache_size = -32000")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(_TABLE)
        self.postings, self.campaigns = Names(REF_LENGTH), Names(CAMPAIGN_LENGTH)
        self._currencies: dict[str, int] = {"": 0}
        self._days: dict[date, int] = {}
        self.titles: dict[int, str] = {}

    def __enter__(self) -> "Stage":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, measurements: list[Measurement]) -> None:
        """Take the measurements of one row. Raises FileRefused where names or currencies are too many."""
        _, day, ref, title, campaign, _, _, _ = measurements[0]
        scope, posting, cut = Scope.TOTAL, 0, 0
        if self._by_posting:
            scope, posting = Scope.POSTING, self.postings.index(ref or NO_POSTING)
            if title and posting not in self.titles:
                self.titles[posting] = title
        if self._by_campaign and campaign:
            cut = self.campaigns.index(campaign)
        day_bits = self._days.get(day)
        if day_bits is None:
            day_bits = self._days[day] = day_number(day) << _DAY
        pending = self._pending
        where = day_bits | scope << _SCOPE | posting << _POSTING
        for metric, _, _, _, _, currency, value, row in measurements:
            bits = _METRIC_BITS[metric] | (self._currency(currency) if currency else 0)
            pending.append((where | bits, value, row, 1))
            if cut:
                pending.append((day_bits | Scope.TOTAL << _SCOPE | cut << _CAMPAIGN | bits, value, row, 1))
        if len(pending) >= _FLUSH:
            self._flush()

    def settle(self, book: Rejections) -> None:
        """End the gathering: leave out sums that cannot be, and say so in the book."""
        self._flush()
        lone = ", ".join(str(metric.number) for metric in BY_NUMBER.values() if not metric.adds_over)
        wrong = f"({_METRIC_OF} IN ({lone}) AND times > 1) OR value > {MAX_VALUE}"
        found = self._database.execute(f"SELECT key, line, value FROM staged WHERE {wrong}").fetchall()
        for key, line, value in found:
            is_large = value > MAX_VALUE
            reason = "adds up to an absurd number" if is_large else "is told twice for one day and cannot be added up"
            if is_large or not key >> _CAMPAIGN & _NAME_BITS:
                book.add(line, BY_NUMBER[key >> _METRIC & 31].name, reason, value)
        self._database.execute(f"DELETE FROM staged WHERE {wrong}")

    def combined(self) -> int:
        """Numbers that were added to an earlier one of the same day, posting and metric."""
        query = f"SELECT coalesce(sum(times - 1), 0) FROM staged WHERE {_IS_TOTAL}"
        return int(self._database.execute(query).fetchone()[0])

    def count(self) -> int:
        """Facts, breakdowns included."""
        return int(self._database.execute("SELECT count(*) FROM staged").fetchone()[0])

    def span(self) -> tuple[date, date] | None:
        """First and last day; None for an empty stage."""
        first, last = self._database.execute("SELECT min(key), max(key) FROM staged").fetchone()
        return None if first is None else (day_of(first >> _DAY), day_of(last >> _DAY))

    def totals(self) -> list[tuple[str, str, int]]:
        """(metric, currency, sum), breakdowns left out; no sum for a metric that adds over nothing."""
        rows = self._database.execute(
            f"SELECT {_METRIC_OF}, key & {_CURRENCIES}, sum(value) FROM staged WHERE {_IS_TOTAL} "
            "GROUP BY 1, 2 ORDER BY 1, 2"
        )
        codes = list(self._currencies)
        return [
            (BY_NUMBER[metric].name, codes[currency], value)
            for metric, currency, value in rows
            if BY_NUMBER[metric].adds_over
        ]

    def covered(self) -> dict[Scope, list[tuple[int, int]]]:
        """(day, metric number) told, by scope; breakdowns left out."""
        rows = self._database.execute(f"SELECT DISTINCT key >> {_SCOPE} FROM staged WHERE {_IS_TOTAL}")
        covered: dict[Scope, list[tuple[int, int]]] = {}
        for (bits,) in rows:
            covered.setdefault(Scope(bits & 3), []).append((bits >> (_DAY - _SCOPE), bits >> (_METRIC - _SCOPE) & 31))
        return covered

    def named_postings(self) -> list[tuple[str, str]]:
        """(reference, title) of the postings that rows name."""
        return [(ref, self.titles.get(at, "")) for at, ref in enumerate(self.postings.texts) if at]

    def facts(self, size: int) -> Iterator[list[StagedFact]]:
        """All facts in batches, day by day."""
        codes = list(self._currencies)
        rows = self._database.execute("SELECT key, value FROM staged ORDER BY key")
        while batch := rows.fetchmany(size):
            yield [
                StagedFact(
                    key >> _DAY,
                    key >> _METRIC & 31,
                    key >> _SCOPE & 3,
                    key >> _POSTING & _NAME_BITS,
                    key >> _CAMPAIGN & _NAME_BITS,
                    codes[key & _CURRENCIES],
                    value,
                )
                for key, value in batch
            ]

    def _currency(self, code: str) -> int:
        found = self._currencies.setdefault(code, len(self._currencies))
        if found > _CURRENCIES:
            raise FileRefused("too_many_currencies", f"The file has more than {_CURRENCIES} currencies.")
        return found

    def _flush(self) -> None:
        # In the order of the keys, so that most rows go to the end of the tree.
        self._pending.sort()
        self._database.execute("BEGIN")
        self._database.executemany(_ADD, self._pending)
        self._database.execute("COMMIT")
        self._pending.clear()


_METRIC_BITS = {name: metric.number << _METRIC for name, metric in BY_NAME.items()}

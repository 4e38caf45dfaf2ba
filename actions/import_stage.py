"""A metrics file's numbers gathered under the keys of facts, in a private temporary database beside memory."""

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
_FLUSH = 20_000
_Key = tuple[int, int, int, int, int, str]
_TABLE = (
    "CREATE TABLE staged (day INTEGER, metric INTEGER, scope INTEGER, posting INTEGER, campaign INTEGER, "
    "currency TEXT, value INTEGER, line INTEGER, times INTEGER, "
    "PRIMARY KEY (day, metric, scope, posting, campaign, currency)) WITHOUT ROWID"
)
_ADD = (
    "INSERT INTO staged VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "value = min(value + excluded.value, 4000000000000000000), times = times + excluded.times"
)


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
        self._pending: dict[_Key, list[int]] = {}
        # An empty name is SQLite's private temporary database: in memory while small, then in a file without a name.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA cache_size = -32000")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(_TABLE)
        self.postings, self.campaigns = Names(REF_LENGTH), Names(CAMPAIGN_LENGTH)
        self.titles: dict[int, str] = {}

    def __enter__(self) -> "Stage":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, measurements: list[Measurement]) -> None:
        """Take the measurements of one row."""
        for metric, day, ref, title, campaign, currency, value, row in measurements:
            number, day_no = BY_NAME[metric].number, day_number(day)
            if self._by_posting:
                posting = self.postings.index(ref or NO_POSTING)
                if title and posting not in self.titles:
                    self.titles[posting] = title
                self._put((day_no, number, Scope.POSTING, posting, 0, currency), value, row)
            else:
                self._put((day_no, number, Scope.TOTAL, 0, 0, currency), value, row)
            if self._by_campaign and campaign:
                cut = self.campaigns.index(campaign)
                self._put((day_no, number, Scope.TOTAL, 0, cut, currency), value, row)
        if len(self._pending) >= _FLUSH:
            self._flush()

    def settle(self, book: Rejections) -> None:
        """End the gathering: leave out sums that cannot be, and say so in the book."""
        self._flush()
        lone = [metric.number for metric in BY_NUMBER.values() if not metric.adds_over]
        marks = ", ".join("?" * len(lone))
        wrong = f"(metric IN ({marks}) AND times > 1) OR value > {MAX_VALUE}"
        found = self._database.execute(f"SELECT line, metric, value, campaign FROM staged WHERE {wrong}", lone)  # noqa: S608
        for line, metric, value, campaign in found.fetchall():
            is_large = value > MAX_VALUE
            reason = "adds up to an absurd number" if is_large else "is told twice for one day and cannot be added up"
            if not campaign or is_large:
                book.add(line, BY_NUMBER[metric].name, reason, value)
        self._database.execute(f"DELETE FROM staged WHERE {wrong}", lone)  # noqa: S608

    def combined(self) -> int:
        """Rows that were added to an earlier row of the same day, posting and metric."""
        query = "SELECT coalesce(sum(times - 1), 0) FROM staged WHERE campaign = 0"
        return int(self._database.execute(query).fetchone()[0])

    def count(self) -> int:
        """Facts, breakdowns included."""
        return int(self._database.execute("SELECT count(*) FROM staged").fetchone()[0])

    def span(self) -> tuple[date, date] | None:
        """First and last day; None for an empty stage."""
        first, last = self._database.execute("SELECT min(day), max(day) FROM staged").fetchone()
        return None if first is None else (day_of(first), day_of(last))

    def totals(self) -> list[tuple[str, str, int]]:
        """(metric, currency, sum), breakdowns left out; no sum for a metric that adds over nothing."""
        rows = self._database.execute(
            "SELECT metric, currency, sum(value) FROM staged WHERE campaign = 0 GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return [
            (BY_NUMBER[metric].name, currency, value) for metric, currency, value in rows if BY_NUMBER[metric].adds_over
        ]

    def covered(self) -> dict[Scope, list[tuple[int, int]]]:
        """(day, metric number) told, by scope; breakdowns left out."""
        rows = self._database.execute("SELECT DISTINCT scope, day, metric FROM staged WHERE campaign = 0")
        covered: dict[Scope, list[tuple[int, int]]] = {}
        for scope, day, metric in rows:
            covered.setdefault(Scope(scope), []).append((day, metric))
        return covered

    def named_postings(self) -> list[tuple[str, str]]:
        """(reference, title) of the postings that rows name."""
        return [(ref, self.titles.get(at, "")) for at, ref in enumerate(self.postings.texts) if at]

    def facts(self, size: int) -> Iterator[list[StagedFact]]:
        """All facts in batches, day by day."""
        rows = self._database.execute("SELECT day, metric, scope, posting, campaign, currency, value FROM staged")
        while batch := rows.fetchmany(size):
            yield [StagedFact(*row) for row in batch]

    def _put(self, key: _Key, value: int, row: int) -> None:
        known = self._pending.get(key)
        if known is None:
            self._pending[key] = [value, row, 1]
        else:
            known[0] += value
            known[2] += 1

    def _flush(self) -> None:
        rows = [(*key, min(value, 4 * 10**18), line, times) for key, (value, line, times) in self._pending.items()]
        self._database.execute("BEGIN")
        self._database.executemany(_ADD, rows)
        self._database.execute("COMMIT")
        self._pending.clear()

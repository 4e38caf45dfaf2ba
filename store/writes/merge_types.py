"""What a merge speaks of: pages of rows, whose they are, and what became of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

#: Scope, hour, currency.
Shared = tuple[int, int, str]
#: Day, metric, external posting, breakdown.
Key = tuple[int, int, int, int]
#: The key's parts, value, provisional.
Row = tuple[int, int, int, int, int, int]
Page = dict[Shared, dict[Key, Row]]
#: A day and a metric, and the lowest and the highest posting.
Span = tuple[int, int, int, int]

COLUMNS = "day, metric, external_posting, breakdown, value, provisional"
#: What a fact is known by, and what a read that tells it again replaces.
KEY = "company_no, config_no, day, metric, scope, external_posting, breakdown, origin, hour, currency"
REPLACED = "value = excluded.value, provisional = excluded.provisional, seen = excluded.seen"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What all facts of a read share."""

    company_no: int
    config_no: int
    origin: int
    seen: int


@dataclass(slots=True)
class Merged:
    """What became of a page. `days` are those with a fact that is new, changed, or final at last."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    days: set[int] = field(default_factory=set)


class Table(Protocol):
    """The table of facts as one database writes it, for one read; all calls belong to one transaction."""

    #: Groups of fewer rows are better merged row by row.
    least_dense: int

    def find(self, shared: Shared, spans: Sequence[Span], most: int) -> list[Row]:
        """What is stored within the spans, and no more than about `most` rows of it."""

    def stamp(self, shared: Shared, spans: Sequence[Span]) -> int:
        """Note all facts within the spans as seen. Returns how many there are."""

    def insert(self, shared: Shared, rows: Sequence[Row]) -> None:
        """Write rows whose keys are new."""

    def upsert(self, shared: Shared, rows: Collection[Row]) -> None:
        """Write rows whether or not there are facts under their keys."""

    def merge(self, page: Page, merged: Merged) -> None:
        """Compare with what is stored and write row by row; add to `merged` what is new and changed."""

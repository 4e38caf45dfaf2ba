"""One look over the whole file before it is read: date orders, decimal mark, and the words people used."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from connectors.files.dates import Order, order_of
from connectors.files.errors import Cell
from connectors.files.mapping import FileMapping
from connectors.files.numbers import decimal_mark
from connectors.files.table import Record, Table, cell_text

#: Different words of a column that are listed; more are not a vocabulary.
MAX_WORDS = 500
_BATCH = 4000
#: "31/12/2025", the longest spelling of a day that leaves its order open.
_DAY_LETTERS = 10
Item = TypeVar("Item")


@dataclass(frozen=True)
class Survey:
    """What the whole file proves. `orders` holds the order of each date field; `unsure` the ones nobody can know.

    `mark` is the decimal mark, "" where nothing proves one; `unsure_mark` says that amounts hang on it. `words` lists
    the texts of the fields source, stage, end_reason and metric with their number of rows.
    """

    rows: int
    orders: dict[str, Order] = field(default_factory=dict)
    unsure: tuple[str, ...] = ()
    mark: str = ""
    unsure_mark: bool = False
    words: dict[str, dict[str, int]] = field(default_factory=dict)


def survey_table(table: Table, mapping: FileMapping) -> Survey:
    """Read every row once. A person's answers in the mapping are taken where the file itself proves nothing."""
    at = {header: place for place, header in enumerate(table.headers)}
    dates = {name: at[mapping.columns[name]] for name in mapping.date_fields}
    vocabulary = {name: at[mapping.columns[name]] for name in _word_fields(mapping)}
    seen_orders: dict[str, set[str]] = {name: set() for name in dates}
    marks: Counter[str] = Counter()
    words: dict[str, Counter[str]] = {name: Counter() for name in vocabulary}
    rows = 0
    for batch in batches(table.rows(), _BATCH):
        rows += len(batch)
        for name, place in dates.items():
            seen_orders[name] |= {order_of(cell) for cell in _different_days(batch, place)}
        for metric, place in _number_columns(mapping, at):
            marks.update(_marks(batch, place, is_money=metric in ("spend", "value")))
        for name, place in vocabulary.items():
            _count_words(words[name], batch, place)
    orders, unsure = _settle_orders(seen_orders, mapping.date_order)
    mark = mapping.mark or _settle_mark(marks)
    return Survey(
        rows=rows,
        orders=orders,
        unsure=unsure,
        mark=mark,
        unsure_mark=not mark and marks["money?"] > 0,
        words={name: dict(counter.most_common(MAX_WORDS)) for name, counter in words.items()},
    )


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` items, the last one shorter.

    >>> list(batches("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _word_fields(mapping: FileMapping) -> tuple[str, ...]:
    wanted = (
        ("source", "stage", "end_reason") if mapping.kind == "applications" else ("metric",) if mapping.is_long else ()
    )
    return tuple(name for name in wanted if name in mapping.columns)


def _number_columns(mapping: FileMapping, at: dict[str, int]) -> list[tuple[str, int]]:
    if mapping.kind != "metrics":
        return []
    if mapping.is_long:
        return [("value", at[mapping.columns["value"]])]
    return [(metric, at[header]) for metric, header in mapping.metrics.items()]


def _different(batch: list[Record], place: int) -> set[Cell]:
    return {record.cells[place] for record in batch}


def _different_days(batch: list[Record], place: int) -> set[Cell]:
    """Only as much of each text as `order_of` looks at: instants differ more often than days."""
    cells = (record.cells[place] for record in batch)
    return {cell.strip()[:_DAY_LETTERS] if isinstance(cell, str) else None for cell in cells}


def _marks(batch: list[Record], place: int, *, is_money: bool) -> Iterator[str]:
    """Decimal marks that cells prove, and "money?" for each amount whose separator proves nothing."""
    for cell in _different(batch, place):
        if isinstance(cell, str) and ("." in cell or "," in cell):
            mark = decimal_mark("".join(letter for letter in cell if letter.isdigit() or letter in ".,"))
            if mark:
                yield mark
            elif is_money:
                yield "money?"


def _count_words(counter: Counter[str], batch: list[Record], place: int) -> None:
    if len(counter) > 4 * MAX_WORDS:
        return
    for cell, count in Counter(record.cells[place] for record in batch).items():
        counter[cell_text(cell)] += count


def _settle_mark(marks: Counter[str]) -> str:
    """The mark the file proves; where it proves both, each cell speaks for itself."""
    proved = {mark for mark in marks if mark != "money?"}
    return proved.pop() if len(proved) == 1 else ""


def _settle_orders(seen: dict[str, set[str]], answer: Order) -> tuple[dict[str, Order], tuple[str, ...]]:
    """One order a date field: what its own cells prove, else a person's answer, else what the other fields prove."""
    proved: dict[str, Order] = {}
    for name, orders in seen.items():
        if "dmy" in orders and "mdy" not in orders:
            proved[name] = "dmy"
        elif "mdy" in orders and "dmy" not in orders:
            proved[name] = "mdy"
    others = set(proved.values())
    neighbour: Order = next(iter(others)) if len(others) == 1 else ""
    settled = {name: proved.get(name) or answer or neighbour for name in seen}
    unsure = tuple(name for name, order in settled.items() if not order and "either" in seen[name])
    return settled, unsure

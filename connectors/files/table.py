"""A file as a table: its column names, and its rows one by one, read again as often as needed."""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, NamedTuple

from connectors.files.dates import EPOCH_1900
from connectors.files.errors import Cell, FileRefused
from connectors.files.numbers import BLANKS, LONGEST_BLANK

#: Bytes of a file once it is unpacked. More is refused before it is read.
MAX_BYTES = 200 * 2**20


class Record(NamedTuple):
    """One line of a table. `number` counts from 1 as a spreadsheet shows it, lines before the header included."""

    number: int
    cells: list[Cell]


@dataclass(frozen=True)
class SourceFile:
    """A file somebody gave us: its name, and its bytes in memory or on disk."""

    name: str
    content: bytes | Path

    def open(self) -> BinaryIO:
        """The bytes from the beginning; close it."""
        return self.content.open("rb") if isinstance(self.content, Path) else io.BytesIO(self.content)

    @cached_property
    def size(self) -> int:
        """In bytes."""
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the content."""
        digest = hashlib.sha256()
        with self.open() as file:
            while chunk := file.read(1024 * 1024):
                digest.update(chunk)
        return digest.hexdigest()


@dataclass(frozen=True)
class Table:
    """`headers` are unique; `preamble` is the text that stood before them; `records` starts all lines anew.

    `details` tells a person how the file was read: encoding and delimiter, or sheet.
    """

    headers: tuple[str, ...]
    header_row: int
    preamble: tuple[str, ...]
    records: Callable[[], Iterator[Record]]
    details: dict[str, str] = field(default_factory=dict)
    sheets: tuple[str, ...] = ()
    epoch: date = EPOCH_1900

    def rows(self) -> Iterator[Record]:
        """Records below the header, without blank lines and comments, filled up to the header's width.

        Raises FileRefused where the file breaks in the middle.
        """
        width = len(self.headers)
        for record in self.records():
            if record.number <= self.header_row or is_silent(record.cells):
                continue
            if len(record.cells) < width:
                record.cells.extend([""] * (width - len(record.cells)))
            yield record


def is_silent(cells: list[Cell]) -> bool:
    """Whether a line holds nothing, or only a comment.

    >>> is_silent(["", " "]), is_silent(["# Property: careers", ""]), is_silent(["#1 posting", "5"])
    (True, True, False)
    """
    first: Cell = None
    for cell in cells:
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            continue
        if first is not None:
            return False
        first = cell
    return first is None or (isinstance(first, str) and first.lstrip().startswith("#"))


def cell_text(cell: Cell) -> str:
    """A cell as text for names and references: no blanks around, whole floats without a point.

    >>> cell_text(1001.0), cell_text("  REQ-7 "), cell_text("--")
    ('1001', 'REQ-7', '')
    """
    if isinstance(cell, str):
        text = cell.strip()
        return text if len(text) > LONGEST_BLANK or text.casefold() not in BLANKS else ""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell)


def refuse_large(size: int) -> None:
    """Raises FileRefused where a file has too many bytes."""
    if size > MAX_BYTES:
        raise FileRefused(
            "too_large",
            f"The file holds {size / 2**20:,.0f} MB; {MAX_BYTES // 2**20} MB is the most that is read at once. "
            "Export a shorter period, or split the file.",
        )

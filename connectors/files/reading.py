"""Opening a file of any accepted kind, and finding the line that names its columns."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

from connectors.files.columns import is_known, unique_headers
from connectors.files.dates import read_moment
from connectors.files.delimited import find_delimiter, find_encoding, read_records
from connectors.files.errors import Cell, CellRejected, FileRefused, NotRecognised
from connectors.files.numbers import is_blank, read_money
from connectors.files.table import Record, SourceFile, Table, cell_text, is_silent, refuse_large
from connectors.files.workbook import Workbook, is_zip

MAX_COLUMNS = 500
_HEAD = 100


def open_table(source: SourceFile, sheet: str = "") -> Table:
    """The table in a CSV (any delimiter, encoding) or Excel file. `sheet` "" chooses the fullest one.

    Raises FileRefused, in words, for whatever cannot be read as a table.
    """
    refuse_large(source.size)
    with source.open() as file:
        start = file.read(4096)
    _refuse_foreign(start)
    if is_zip(start):
        workbook = Workbook(source)
        name = sheet or workbook.sheets[0]
        table = _table(lambda: workbook.records(name), {"sheet": name})
        return replace(table, sheets=workbook.sheets, epoch=workbook.epoch)
    encoding = find_encoding(source)
    delimiter = find_delimiter(source, encoding)
    details = {"encoding": encoding, "delimiter": delimiter}
    return _table(lambda: read_records(source, encoding, delimiter), details)


def _refuse_foreign(start: bytes) -> None:
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        raise FileRefused("empty", "The file is empty.")
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise FileRefused(
            "old_excel", "This is an old or password-protected Excel file. Save it as .xlsx without a password."
        )
    if head.startswith((b"<!doctype", b"<html", b"<table", b"<?xml")):
        raise FileRefused("web_page", "This is a web page, not a table, whatever its name says. Export it as CSV.")
    if head.startswith((b"{", b"[")):
        raise FileRefused("json", "This is JSON. Give a CSV file or an Excel workbook (.xlsx).")
    if head.startswith((b"%pdf", b"\x1f\x8b")):
        raise FileRefused("not_table", "This is not a table. Give a CSV file or an Excel workbook (.xlsx).")


def _table(records: Callable[[], Iterator[Record]], details: dict[str, str]) -> Table:
    head = list(islice(records(), _HEAD))
    at = _find_header(head)
    cells = head[at].cells
    while cells and is_blank(cells[-1]):
        cells.pop()
    if len(cells) > MAX_COLUMNS:
        raise FileRefused("too_wide", f"The file has {len(cells)} columns; {MAX_COLUMNS} is the most.")
    preamble = tuple(" ".join(cell_text(cell) for cell in record.cells).strip("# ") for record in head[:at])
    return Table(
        headers=unique_headers(cell_text(cell) for cell in cells),
        header_row=head[at].number,
        preamble=tuple(line for line in preamble if line),
        records=records,
        details=details,
    )


def _find_header(head: list[Record]) -> int:
    """Index of the record that names the columns: one with names we know, else the first wide one of words only."""
    spoken = [at for at, record in enumerate(head) if not is_silent(record.cells)]
    if not spoken:
        raise FileRefused("empty", "The file is empty.")
    known = {at: sum(is_known(cell_text(cell)) for cell in head[at].cells) for at in spoken if _is_words(head[at])}
    best = max(known, key=lambda at: (known[at], -at), default=-1)
    if best >= 0 and known[best] >= 2:
        return best
    widths = Counter(_width(head[at]) for at in spoken)
    usual = max(widths, key=lambda width: (widths[width], width))
    if usual < 2 and max(widths) < 2:
        raise FileRefused(
            "one_column",
            "Only one column was found. Check that the file is a CSV with a delimiter we know (, ; tab |).",
        )
    for at in spoken:
        if _width(head[at]) < 2 or _width(head[at]) < 0.6 * usual:
            continue
        if _is_words(head[at]):
            return at
        break
    raise FileRefused(
        "no_header",
        "The file has no line that names its columns. Add one (Date, Clicks, Applications …) and try again.",
    )


def _width(record: Record) -> int:
    return sum(not is_blank(cell) for cell in record.cells)


def _is_words(record: Record) -> bool:
    """Whether every cell that says something is a name: no number, date, address."""
    return all(is_blank(cell) or _is_name(cell) for cell in record.cells)


def _is_name(cell: Cell) -> bool:
    if not isinstance(cell, str) or "@" in cell or len(cell) > 200 or "://" in cell:
        return False
    return not (_reads(_read_price, cell) or _reads(read_moment, cell))


def _read_price(cell: Cell) -> object:
    return read_money(cell, "USD")


def _reads(reader: Callable[[Cell], object], cell: Cell) -> bool:
    """Whether a cell is of the reader's kind, be it a good one or a bad one ("-5", "12 %", "31.02.2025")."""
    try:
        reader(cell)
    except NotRecognised:
        return False
    except CellRejected:
        return True
    return True

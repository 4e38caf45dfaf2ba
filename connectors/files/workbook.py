"""Excel workbooks (.xlsx, .xlsm): checked against bombs, then read sheet by sheet with calamine."""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET
from xml.parsers import expat

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from connectors.files.dates import EPOCH_1900, EPOCH_1904
from connectors.files.errors import NOT_CALCULATED, SPREADSHEET_ERROR, FileRefused, Unusable
from connectors.files.table import Record, SourceFile, refuse_large

_CHUNK = 1024 * 1024
_MAX_PARTS = 2000
_MAX_SMALL_PART = 8 * 2**20
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
#: In a sheet's XML: a formula, or a cell of the type "error". Only then its cells are looked at one by one.
_SUSPECT = re.compile(rb"<(?:\w+:)?f[ >/]|t=[\"']e[\"']")
#: Where a row or a cell says that it stands: `r="7"`, `r="C7"`. Two searches for a million different places are much
#: faster than one that gives both halves of each.
_ROWS = re.compile(rb"\sr\s*=\s*[\"'][A-Za-z]*(\d+)[\"']")
_COLUMNS = re.compile(rb"\sr\s*=\s*[\"']([A-Za-z]+)\d")
_LONGEST_TAIL = 256
#: Of all sheets; a cell takes about 60 bytes while it is read.
_MAX_CELLS = 20_000_000
Unusables = dict[tuple[int, int], Unusable]


class _Scan(NamedTuple):
    """Whether a part holds formulas or errors, and the cells of the rectangle its references span."""

    is_suspect: bool
    cells: int


class Workbook:
    """An opened workbook: the names of its sheets, the fullest first, and their records."""

    def __init__(self, source: SourceFile) -> None:
        """Raises FileRefused."""
        self._source = source
        suspects, self._paths, self.epoch = _inspect(source)
        self._suspects = {name for name, path in self._paths.items() if path in suspects}
        try:
            with source.open() as file:
                workbook = CalamineWorkbook.from_filelike(file)
                self._sheets = {name: workbook.get_sheet_by_name(name) for name in _data_sheets(workbook)}
        except CalamineError as error:
            raise FileRefused("broken", f"The workbook cannot be read: {error}. Save it again as .xlsx.") from None
        filled = sorted(self._sheets.values(), key=lambda sheet: -sheet.height * sheet.width)
        self.sheets = tuple(sheet.name for sheet in filled if sheet.height)
        if not self.sheets:
            raise FileRefused("empty", "The workbook is empty.")

    def records(self, sheet: str) -> Iterator[Record]:
        """The records of a sheet, numbered as the spreadsheet does. Raises FileRefused for an unknown sheet."""
        if sheet not in self._sheets:
            raise FileRefused("no_sheet", f"The workbook has no sheet called “{sheet}” with data in it.")
        unusable = self._unusables(sheet)
        return _records(self._sheets[sheet], unusable)

    def _unusables(self, sheet: str) -> Unusables:
        if sheet not in self._suspects:
            return {}
        with self._source.open() as file, zipfile.ZipFile(file) as archive, archive.open(self._paths[sheet]) as part:
            try:
                return _find_unusable(part)
            except expat.ExpatError as error:
                raise _damaged(error) from None


def is_zip(start: bytes) -> bool:
    """Whether a file's first bytes are those of a zip archive."""
    return start.startswith(b"PK\x03\x04")


def _records(sheet: CalamineSheet, unusable: Unusables) -> Iterator[Record]:
    left = sheet.start[1] if sheet.start else 0
    marked = {row for row, _ in unusable}
    for number, cells in enumerate(sheet.iter_rows(), 1):
        values: list[Any] = list(cells)
        if number in marked:
            values = [unusable.get((number, left + at + 1), value) for at, value in enumerate(values)]
        yield Record(number, values)


def _data_sheets(workbook: CalamineWorkbook) -> list[str]:
    return [
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
    ]


def _inspect(source: SourceFile) -> tuple[set[str], dict[str, str], date]:
    """Parts with formulas or errors, the part of each sheet, and day 0 of the dates."""
    try:
        with source.open() as file, zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            refuse_large(sum(part.file_size for part in parts))
            if len(parts) > _MAX_PARTS or "xl/workbook.xml" not in archive.namelist():
                raise FileRefused("not_workbook", "This is an archive, but not an Excel workbook.")
            if any(part.flag_bits & 1 for part in parts):
                raise FileRefused("protected", "The workbook is protected by a password. Save it without one.")
            # Unpacked once here: a size that lies, or a damaged part, shows before anything else reads it.
            findings = {part.filename: _scan(archive, part) for part in parts}
            _refuse_vast(scan.cells for scan in findings.values())
            suspects = {name for name, scan in findings.items() if scan.is_suspect}
            paths, epoch = _sheet_paths(archive)
            return suspects, paths, epoch
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        EOFError,
        zlib.error,
        struct.error,
        ET.ParseError,
        KeyError,
        RuntimeError,
        # Places in the archive that lie before its beginning.
        ValueError,
        OSError,
    ) as error:
        raise _damaged(error) from None


def _damaged(error: Exception) -> FileRefused:
    return FileRefused("broken", f"The workbook is damaged: {error}. Save it again as .xlsx.")


def _scan(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> _Scan:
    is_text = part.filename == "xl/sharedStrings.xml"
    is_suspect, rows, columns, tail = False, 0, 0, b""
    with archive.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            seen = tail + chunk
            is_suspect = is_suspect or _SUSPECT.search(seen) is not None
            if not is_text:
                rows = max(rows, *map(int, set(_ROWS.findall(seen))), 0)
                columns = max(columns, *map(_column, set(_COLUMNS.findall(seen))), 0)
            tail = chunk[-_LONGEST_TAIL:]
    return _Scan(is_suspect and part.filename.startswith("xl/worksheets/"), rows * columns)


def _refuse_vast(areas: Iterable[int]) -> None:
    """The reader makes room for the whole rectangle up to the last cell, and ends the process where there is none."""
    if sum(areas) > _MAX_CELLS:
        raise FileRefused(
            "too_large",
            "A cell far from the table makes the sheet too large to be read. Copy the table into a new workbook.",
        )


def _sheet_paths(archive: zipfile.ZipFile) -> tuple[dict[str, str], date]:
    book = _small_part(archive, "xl/workbook.xml")
    relations = _small_part(archive, "xl/_rels/workbook.xml.rels")
    targets = {relation.get("Id"): relation.get("Target", "") for relation in relations}
    paths = {}
    for sheet in book.iter():
        target = targets.get(sheet.get(_RELATION)) if sheet.tag.endswith("}sheet") else None
        if target is not None:
            paths[sheet.get("name", "")] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    settings = next((element for element in book.iter() if element.tag.endswith("}workbookPr")), None)
    is_1904 = settings is not None and settings.get("date1904", "0") in ("1", "true")
    return paths, EPOCH_1904 if is_1904 else EPOCH_1900


def _small_part(archive: zipfile.ZipFile, name: str) -> ET.Element:
    if archive.getinfo(name).file_size > _MAX_SMALL_PART:
        raise FileRefused("broken", "The workbook's table of contents is absurdly large.")
    data = archive.read(name)
    if b"<!ENTITY" in data:
        _refuse_entities()
    return ET.fromstring(data)  # noqa: S314 (small, and without entities)


def _refuse_entities(*_declaration: object) -> None:
    raise FileRefused("broken", "The workbook declares entities, which no spreadsheet program writes.")


def _find_unusable(part: Any) -> Unusables:
    """Cells, by row and column from 1, that hold a formula without a value, or a spreadsheet error."""
    found: Unusables = {}
    cell: dict[str, Any] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "c":
            cell.clear()
            cell.update(ref=attributes.get("r", ""), type=attributes.get("t", ""))
        elif name in ("f", "v"):
            cell[name] = True
        cell["inside"] = name

    def text(data: str) -> None:
        if cell.get("inside") == "v" and data.strip():
            cell["value"] = True

    def end(tag: str) -> None:
        if tag.rpartition(":")[2] != "c":
            return
        reason = SPREADSHEET_ERROR if cell.get("type") == "e" else None
        if cell.get("f") and not cell.get("value"):
            reason = NOT_CALCULATED
        place = _place(cell.get("ref", ""))
        if reason and place:
            found[place] = reason

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.EntityDeclHandler = _refuse_entities
    parser.ParseFile(part)
    return found


def _place(ref: str) -> tuple[int, int] | None:
    """Row and column of "C7" (7, 3)."""
    shape = re.fullmatch(r"([A-Z]{1,3})(\d+)", ref)
    if shape is None:
        return None
    return int(shape[2]), _column(shape[1].encode())


def _column(letters: bytes) -> int:
    """Number of the column "C" (3), 0 for none."""
    column = 0
    for letter in letters.upper():
        column = column * 26 + letter - 64
    return column

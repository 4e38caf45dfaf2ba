"""Delimited text: finds out encoding and delimiter, then reads record by record."""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from charset_normalizer import from_bytes

from connectors.files.errors import NO_TEXT, FileRefused
from connectors.files.table import Record, SourceFile, is_silent, refuse_large

DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_BYTES = 256 * 1024
_SAMPLE_RECORDS = 200
_CHUNK = 1024 * 1024
#: What spreadsheets of the West and centre of Europe, Cyrillic and Japan write when they do not write UTF-8.
_LEGACY = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "mac_roman", "shift_jis", "gb18030"]
_NUL = "\x00"
#: So many NULs at the beginning may be damage in a text; more are another kind of file.
_FEW_NULS = 3
#: Control characters that no export has: all but tab, line ends, form feed and escape.
_NO_TEXT_BYTES = bytes({*range(1, 9), 11, *range(14, 27), *range(28, 32), 127})
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def find_encoding(source: SourceFile) -> str:
    """The encoding the whole file decodes in. Raises FileRefused where the bytes are no text."""
    with source.open() as file:
        sample = file.read(_SAMPLE_BYTES)
    if not sample.strip(b"\x00 \t\r\n"):
        raise FileRefused("empty", "The file is empty.")
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return _verified(source, name)
    zeros = sample[:4096].count(0)
    if zeros > len(sample[:4096]) // 4:
        return _verified(source, "utf-16-le" if sample[1:2] == b"\x00" else "utf-16-be")
    if zeros and _is_binary(sample[:4096]):
        raise FileRefused("not_text", "This is not a text file. Give a CSV file or an Excel workbook (.xlsx).")
    if _decodes(source, "utf-8"):
        return "utf-8"
    return _legacy(source)


def find_delimiter(source: SourceFile, encoding: str) -> str:
    """The delimiter that cuts the sample into the most regular table; "," where there is only one column."""
    with _text(source, encoding) as text:
        sample = text.read(_SAMPLE_BYTES)
    first = sample[:8].splitlines()[:1]
    # Excel's own hint, on the first line.
    if first and first[0].lower().startswith("sep=") and len(first[0]) == 5:
        return first[0][4]
    scores = {delimiter: _regularity(sample, delimiter) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=scores.__getitem__)
    return best if scores[best] > (0, 0) else ","


def read_records(source: SourceFile, encoding: str, delimiter: str) -> Iterator[Record]:
    """All records, quoted line breaks inside. Raises FileRefused where quoting or encoding breaks."""
    refuse_large(source.size)
    number, has_nul = 0, not encoding.startswith("utf-16") and not encoding.startswith("utf-32") and _has_nul(source)
    with _text(source, encoding) as text:
        try:
            for number, cells in enumerate(csv.reader(text, delimiter=delimiter), 1):
                if number == 1 and cells and cells[0].lower().startswith("sep="):
                    continue
                if has_nul and any(_NUL in cell for cell in cells):
                    yield Record(number, [NO_TEXT if _NUL in cell else cell for cell in cells])
                else:
                    yield Record(number, cells)  # type: ignore[arg-type]
        except csv.Error as error:
            raise FileRefused(
                "broken",
                f"The file breaks after row {number}: {error}. Look for a quotation mark that is never closed.",
            ) from None
        except UnicodeDecodeError:
            raise FileRefused("encoding", f"The text breaks after row {number}. Save the file as UTF-8.") from None


def _is_binary(head: bytes) -> bool:
    """Whether bytes with zeros among them are no text at all: many zeros, or other bytes that no text has."""
    return head.count(0) > max(_FEW_NULS, len(head) // 100) or any(byte in head for byte in _NO_TEXT_BYTES)


def _has_nul(source: SourceFile) -> bool:
    """Whether a file of one byte a letter has a NUL in it somewhere."""
    with source.open() as file:
        return any(b"\x00" in chunk for chunk in iter(lambda: file.read(_CHUNK), b""))


def _text(source: SourceFile, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(source.open(), encoding=encoding, newline="")


def _regularity(sample: str, delimiter: str) -> tuple[float, int]:
    """How many records share the commonest width above one, and that width."""
    try:
        records = list(islice(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), _SAMPLE_RECORDS))
    except csv.Error:
        return (0, 0)
    spoken = [len(cells) for cells in records if not is_silent(list(cells))]
    widths = Counter(width for width in spoken if width > 1)
    if not widths:
        return (0, 0)
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    return (round(count / len(spoken), 1), width)


def _decodes(source: SourceFile, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with source.open() as file:
        try:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _verified(source: SourceFile, encoding: str) -> str:
    if not _decodes(source, encoding):
        raise FileRefused("encoding", f"The file says it is {encoding} but does not read as that. Save it as UTF-8.")
    return encoding


def _legacy(source: SourceFile) -> str:
    sample = _telling_bytes(source)
    best = from_bytes(sample, cp_isolation=_LEGACY).best()
    # Western letters are far more common than what a guess from few bytes says.
    likely = [best.encoding] if best is not None and len(sample) > 64 else []
    for encoding in [*likely, "cp1252", "latin-1"]:
        if _decodes(source, encoding):
            return encoding
    raise FileRefused("encoding", "The file's letters cannot be read. Save it as UTF-8.")


def _telling_bytes(source: SourceFile) -> bytes:
    """The first lines that hold more than ASCII: the others say nothing about an encoding."""
    telling = bytearray()
    with source.open() as file:
        for line in file:
            if not line.isascii():
                telling += line[:2000]
            if len(telling) > 64 * 1024:
                break
    return bytes(telling)

"""Files of numbers, made while they are sent: CSV that no spreadsheet takes for formulas, and Parquet."""

import io
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from actions.viewer import NotFound
from domain.filters import Filters
from domain.periods import Period
from domain.spreadsheet import safe_text
from store.opening import Store
from store.reports.export import DATASETS, Column, Export, Wanted, day_names, reading_chunks
from store.reports.scope import CompanyScope, find_company

Chunk = Sequence[tuple[Any, ...]]
MEDIA = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: What is sent at once, in chunks: some hundred kilobytes of CSV, a row group of Parquet.
_SENT, _GROUP = 8, 128


class ExportFile:
    """A file in the making: iterate over its bytes, and close it whether or not that came to its end."""

    def __init__(self, store: Store, company: CompanyScope, dataset: str, wanted: Wanted, form: str) -> None:
        self._stack = ExitStack()
        try:
            session = self._stack.enter_context(store.reading())
            export = DATASETS[dataset](session, company, wanted)
            chunks = self._stack.enter_context(reading_chunks(session, export))
            self._bytes = _MAKERS[form](export, chunks, wanted)
        except BaseException:
            self._stack.close()
            raise

    def __iter__(self) -> Iterator[bytes]:
        return self._bytes

    def next(self) -> bytes:
        """The next bytes; b"" at the end."""
        return next((part for part in self._bytes if part), b"")

    def close(self) -> None:
        """Lets go of cursor and database: the query ends, finished or not."""
        self._stack.close()


def open_export(store: Store, company_id: uuid.UUID, dataset: str, period: Period, form: str) -> ExportFile:
    """A file of everything in a period. Raises NotFound for an unknown company."""
    with store.reading() as session:
        company = find_company(session, company_id)
    if company is None:
        raise NotFound("There is no such company.")
    return ExportFile(store, company, dataset, Wanted(period, Filters()), form)


def to_csv(export: Export, chunks: Iterator[Chunk], wanted: Wanted) -> Iterator[bytes]:
    """UTF-8 with a byte order mark, CRLF; days as YYYY-MM-DD, flags as 0 and 1.

    Texts are made safe and quoted once each, not once a row; columns that stand for the same number are one piece.
    """
    yield _BYTE_ORDER_MARK + ",".join(column.name for column in export.columns).encode() + b"\r\n"
    pieces = _pieces(export, wanted)
    waiting: list[bytes] = []
    for chunk in chunks:
        # By column, so that the work is done by loops that are not ours.
        read = list(zip(*chunk, strict=True))
        told = [map(spelled, read[at]) for at, spelled in pieces]
        lines = "\r\n".join(map(",".join, zip(*told, strict=True)))
        waiting.append(f"{lines}\r\n".encode("utf-8", "replace"))
        if len(waiting) == _SENT:
            yield b"".join(waiting)
            waiting.clear()
    yield b"".join(waiting)


def to_parquet(export: Export, chunks: Iterator[Chunk], _wanted: Wanted) -> Iterator[bytes]:
    """Row groups as they fill; texts by dictionary, days as dates, flags as booleans."""
    schema = pa.schema([(column.name, _TYPES[column.kind]()) for column in export.columns])
    sink = _Sink()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        yield sink.taken()
        waiting: list[Any] = []
        for chunk in chunks:
            waiting.append(_batch(export, schema, chunk))
            if len(waiting) == _GROUP:
                writer.write_table(pa.Table.from_batches(waiting, schema).unify_dictionaries())
                waiting.clear()
                yield sink.taken()
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting, schema).unify_dictionaries())
    yield sink.taken()


_MAKERS: Mapping[str, Callable[[Export, Iterator[Chunk], Wanted], Iterator[bytes]]] = {
    "csv": to_csv,
    "parquet": to_parquet,
}
_TYPES: Mapping[str, Callable[[], Any]] = {
    "day": pa.date32,
    "text": lambda: pa.dictionary(pa.int32(), pa.string()),
    "count": pa.int64,
    "flag": pa.bool_,
}


def _pieces(export: Export, wanted: Wanted) -> list[tuple[int, Callable[[Any], str]]]:
    """Where each piece of a line stands in a row as read, and what spells it."""
    pieces: list[tuple[int, Callable[[Any], str]]] = []
    for at, columns in groupby(export.columns, key=lambda column: column.at):
        parts = [_spelling(column, wanted) for column in columns]
        if len(parts) == 1 and not isinstance(parts[0], Mapping):
            pieces.append((at, str))
            continue
        known = [part for part in parts if isinstance(part, Mapping)]
        joined = {number: ",".join(part[number] for part in known) for number in known[0]}
        pieces.append((at, joined.__getitem__ if joined else _Quoted().__getitem__))
    return pieces


def _spelling(column: Column, wanted: Wanted) -> Mapping[Any, str] | None:
    """What a CSV says for each number read; empty for texts as they come, None for numbers."""
    if column.kind == "day":
        return day_names(wanted)
    if column.kind != "text":
        return None
    return {number: _quoted(name) for number, name in (column.names or {}).items()}


class _Quoted(dict[str, str]):
    """Texts as cells, each spelled when it first comes."""

    def __missing__(self, text: str) -> str:
        self[text] = cell = _quoted(text)
        return cell


def _quoted(text: str) -> str:
    """A text as a cell that is no formula, in quotes where it needs them."""
    safe = safe_text(text)
    needs_quotes = any(mark in safe for mark in ',"\r\n')
    return '"' + safe.replace('"', '""') + '"' if needs_quotes else safe


def _batch(export: Export, schema: Any, chunk: Chunk) -> Any:
    read = list(zip(*chunk, strict=True))
    return pa.record_batch([_array(column, read[column.at]) for column in export.columns], schema=schema)


def _array(column: Column, read: Sequence[Any]) -> Any:
    if column.kind == "day":
        return pa.array(read, pa.int32()).cast(pa.date32())
    if column.kind == "flag":
        return pa.array(read, pa.int8()).cast(pa.bool_())
    if column.kind == "count":
        return pa.array(read, pa.int64())
    texts = read if column.names is None else [column.names[number] for number in read]
    return pa.array(texts, pa.string()).dictionary_encode()


class _Sink(io.RawIOBase):
    """A file that only grows at its end, of which what was written is taken away."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._length += len(part)
        return len(part)

    def tell(self) -> int:
        return self._length

    def taken(self) -> bytes:
        """What was written since it was last taken."""
        parts, self._parts = self._parts, []
        return b"".join(parts)

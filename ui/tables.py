"""One table for screen and file: what is downloaded is what is shown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa  # type: ignore[import-untyped]
import streamlit as st

from domain.metrics import BY_NAME

Kind = Literal["text", "count", "percent", "amount", "number", "day", "instant"]
Cell = str | int | float | Decimal | date | datetime | None

_ARROW: dict[Kind, Callable[[], pa.DataType]] = {
    "text": pa.string,
    "count": pa.int64,
    "percent": pa.float64,
    "amount": pa.float64,
    "number": pa.float64,
    "day": pa.date32,
    "instant": lambda: pa.timestamp("s", tz="UTC"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `percent` cells are 0–100, `amount` cells major units, None is missing and drawn as a dash."""

    label: str
    kind: Kind = "text"
    help: str = ""
    width: Literal["small", "medium", "large"] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows of cells, in the order shown."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def arrow(self) -> pa.Table:
        """The table with exact types; missing stays missing."""
        arrays = [
            pa.array([_plain(row[at]) for row in self.rows], type=_ARROW[column.kind]())
            for at, column in enumerate(self.columns)
        ]
        return pa.table(arrays, names=[column.label for column in self.columns])


def _plain(cell: Cell) -> Cell:
    return float(cell) if isinstance(cell, Decimal) else cell


def metric_heading(name: str, currency: str = "") -> str:
    """What a metric's column is called: with its unit, where the figures alone would not tell it.

    >>> metric_heading("spend", "EUR"), metric_heading("engagement_seconds"), metric_heading("clicks")
    ('Spend (EUR)', 'Engagement time (s)', 'Clicks')
    """
    metric = BY_NAME[name]
    unit = currency if metric.unit == "money" else "s" if metric.unit == "seconds" else ""
    return f"{metric.label} ({unit})" if unit else metric.label


def show(table: Table, *, key: str, alt: str, zone: str = "UTC", height: int | None = None) -> None:
    """Draw a table: sortable, searchable, no index; numbers to the right, missing as a dash."""
    st.dataframe(
        table.arrow(),
        hide_index=True,
        key=key,
        alt=alt,
        placeholder="—",
        height=height or "auto",
        column_config={column.label: _config(column, zone) for column in table.columns},
    )


def choose(table: Table, *, key: str, alt: str, zone: str = "UTC") -> int | None:
    """Draw a table in which one row can be chosen; the row's index, or None."""
    rows = _chosen(table, "single-row", key=key, alt=alt, zone=zone)
    return rows[0] if rows else None


def choose_many(table: Table, *, key: str, alt: str, zone: str = "UTC") -> list[int]:
    """Draw a table in which rows can be chosen; the rows' indexes, in the order shown."""
    return sorted(_chosen(table, "multi-row", key=key, alt=alt, zone=zone))


def _chosen(table: Table, mode: Literal["single-row", "multi-row"], *, key: str, alt: str, zone: str) -> list[int]:
    """Draw the table; what is chosen in it, without rows that are there no more."""
    chosen = st.dataframe(
        table.arrow(),
        hide_index=True,
        key=key,
        alt=alt,
        placeholder="—",
        on_select="rerun",
        selection_mode=mode,
        column_config={column.label: _config(column, zone) for column in table.columns},
    )
    rows: Sequence[int] = chosen["selection"]["rows"]
    return [row for row in rows if row < len(table.rows)]


def _config(column: Column, zone: str) -> Any:
    label, words, width = column.label, column.help or None, column.width
    if column.kind == "text":
        return st.column_config.TextColumn(label, help=words, width=width)
    if column.kind == "day":
        return st.column_config.DateColumn(label, help=words, width=width, format="D MMM YYYY")
    if column.kind == "instant":
        return st.column_config.DatetimeColumn(
            label, help=words, width=width, format="D MMM YYYY, HH:mm", timezone=zone
        )
    form = {"count": "localized", "percent": "%.2f%%", "amount": "%,.2f", "number": "%.1f"}[column.kind]
    return st.column_config.NumberColumn(label, help=words, width=width, format=form)

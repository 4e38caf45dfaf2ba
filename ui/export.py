"""CSV that opens right in Excel and carries no formula: exactly the table on screen."""

import csv
import io

import streamlit as st

from domain.spreadsheet import file_name, safe_text, spell
from ui.tables import Table

__all__ = ["download", "file_name", "safe_text", "spell", "to_csv"]


def to_csv(table: Table) -> bytes:
    """The table as UTF-8 with a byte order mark, comma separated, CRLF: what Excel opens by double click."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([safe_text(column.label) for column in table.columns])
    writer.writerows([spell(cell) for cell in row] for row in table.rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", errors="replace")


def download(table: Table, *, name: str, key: str, label: str = "Download CSV") -> None:
    """A button that downloads the table without running the page again."""
    st.download_button(
        label,
        data=to_csv(table),
        file_name=name,
        mime="text/csv",
        key=key,
        icon=":material/download:",
        on_click="ignore",
        disabled=not table.rows,
    )

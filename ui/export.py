"""CSV that opens right in Excel and carries no formula: the table on screen, or all of a list it shows a page of."""

import csv
import io
from collections.abc import Callable

import streamlit as st

from domain.spreadsheet import file_name, safe_text, spell
from ui.tables import Table

__all__ = ["MOST_IN_FILE", "download", "download_all", "file_name", "safe_text", "spell", "to_csv"]
#: Rows of a file that is made at a click; more are the API's.
MOST_IN_FILE = 10_000


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


def download_all(make: Callable[[], Table], *, number: int, name: str, key: str) -> None:
    """A button for the file of a list of `number` rows, of which the screen shows a page: made when it is clicked.

    A file ends after MOST_IN_FILE rows, and the button says so.
    """
    st.download_button(
        f"Download all {number:,}" if number <= MOST_IN_FILE else f"Download the first {MOST_IN_FILE:,}",
        data=lambda: to_csv(make()),
        file_name=name,
        mime="text/csv",
        key=key,
        icon=":material/download:",
        on_click="ignore",
    )

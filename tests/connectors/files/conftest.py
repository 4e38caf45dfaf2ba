"""Files made by the tests themselves, in the shapes that programs write."""

import io
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from openpyxl import Workbook

from connectors.files.table import SourceFile


@pytest.fixture
def csv_file() -> Callable[..., SourceFile]:
    """A text file from its text, in any encoding."""

    def make(text: str, encoding: str = "utf-8", name: str = "export.csv") -> SourceFile:
        return SourceFile(name, text.encode(encoding))

    return make


@pytest.fixture
def xlsx_file() -> Callable[..., SourceFile]:
    """A workbook from the rows of its sheets."""

    def make(epoch: date | None = None, **sheets: list[list[Any]]) -> SourceFile:
        book = Workbook()
        book.remove(book.worksheets[0])
        if epoch is not None:
            from datetime import datetime

            book.epoch = datetime(epoch.year, epoch.month, epoch.day)
        for name, rows in sheets.items():
            sheet = book.create_sheet(name)
            for row in rows:
                sheet.append(row)
        buffer = io.BytesIO()
        book.save(buffer)
        return SourceFile("export.xlsx", buffer.getvalue())

    return make

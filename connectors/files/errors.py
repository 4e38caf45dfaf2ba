"""What can be wrong with a file, a row or a cell, in words a person can act on."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta


class FileRefused(Exception):
    """The file as a whole cannot be used. `code` is stable; the text says what is wrong and what to do."""

    def __init__(self, code: str, words: str) -> None:
        self.code = code
        super().__init__(words)


class CellRejected(ValueError):
    """One cell cannot be used. The text completes "clicks …": constant for a kind of fault, without the value."""


class NotRecognised(CellRejected):
    """The cell is not of the kind that was asked for at all: words where a number was expected."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """Stands in a workbook's cell that holds no value: a formula never calculated, an error of the spreadsheet."""

    reason: str

    def __str__(self) -> str:
        return ""


NOT_CALCULATED = Unusable("is a formula that was never calculated: open the file in a spreadsheet and save it again")
NO_TEXT = Unusable("holds a character that no text has (NUL): export the file again, or take it out")
SPREADSHEET_ERROR = Unusable("is an error of the spreadsheet, such as #DIV/0!")

#: A cell as read: text in delimited files, typed in workbooks. "" and None are blank.
Cell = str | int | float | bool | datetime | date | time | timedelta | Unusable | None

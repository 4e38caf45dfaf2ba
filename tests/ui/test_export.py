"""What is downloaded opens as text and numbers, never as a formula."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.periods import Period
from ui.export import file_name, safe_text, to_csv
from ui.tables import Column, Table

FORMULAS = [
    "=1+1",
    "+1",
    "-5",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1+1",
    "＋1",
    "－5",
    "＠x",
    " =1",
    "\u200b=1",
    "\0=1",
    "|calc",
]


def parsed(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("text", FORMULAS)
def test_it_never_hands_out_a_formula(text):
    table = Table((Column(text),), ((text,),))
    for cell in (parsed(to_csv(table))[0][0], parsed(to_csv(table))[1][0]):
        assert cell.startswith("'")
        assert "\0" not in cell


def test_numbers_stay_numbers():
    table = Table(
        (Column("a", "count"), Column("b", "amount"), Column("c", "percent")),
        ((-5, Decimal("-5.20"), 33.33), (None, None, None)),
    )
    assert parsed(to_csv(table))[1:] == [["-5", "-5.20", "33.33"], ["", "", ""]]


def test_it_opens_in_excel_as_utf_8():
    data = to_csv(Table((Column("Posting"),), (("Pflegekräfte 🌙",),)))
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.endswith(b"\r\n")


def test_instants_are_utc_and_days_are_iso():
    table = Table(
        (Column("a", "day"), Column("b", "instant")), ((date(2026, 3, 1), datetime(2026, 3, 1, 9, tzinfo=UTC)),)
    )
    assert parsed(to_csv(table))[1] == ["2026-03-01", "2026-03-01T09:00:00+00:00"]


@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=("Cs",))), st.integers(-(2**63), 2**63 - 1)), max_size=8
    )
)
def test_what_is_read_back_is_what_was_written(rows):
    back = parsed(to_csv(Table((Column("Name"), Column("Number", "count")), tuple(rows))))[1:]
    assert back == [[safe_text(text), str(number)] for text, number in rows]


def test_a_file_name_cannot_leave_its_folder_or_its_header():
    name = file_name('../"\r\nSet-Cookie: x', "..\\Ünïcode GmbH", Period(date(2026, 3, 1), date(2026, 3, 2)))
    assert name == "unicode-gmbh-set-cookie-x-2026-03-01-to-2026-03-01.csv"

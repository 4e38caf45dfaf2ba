"""Days and instants as people's programs write them."""

import contextlib
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.files.dates import EPOCH_1900, EPOCH_1904, _read_iso, _read_text, order_of, read_moment, read_range
from connectors.files.errors import CellRejected

DAY = date(2025, 7, 8)
DAYS = st.dates(date(1990, 1, 1), date(2099, 12, 31))


@pytest.mark.parametrize(
    "cell",
    [
        "2025-07-08", "2025/07/08", "20250708", "2025.7.8", "8.7.2025", "08.07.25", "Jul 8, 2025", "July 8, 2025",
        "8 July 2025", "8-Jul-25", "8. Juli 2025", "8 de julio de 2025", "Tue, 8 Jul 2025", "Tuesday, July 8, 2025",
        "Dienstag, 8. Juli 2025", "July 8th, 2025", "45846", 45846, 45846.0, 20250708, DAY, " 2025-07-08 ",
        "Jul 8, 2025 - Jul 8, 2025",
    ],
)  # fmt: skip
def test_it_reads_a_day_in_any_unambiguous_spelling(cell):
    assert read_moment(cell) == DAY


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2025-07-08T10:30:00", datetime(2025, 7, 8, 10, 30)),
        ("2025-07-08 10:30", datetime(2025, 7, 8, 10, 30)),
        ("2025-07-08T10:30:00Z", datetime(2025, 7, 8, 10, 30, tzinfo=UTC)),
        ("2025-07-08 10:30 +0000", datetime(2025, 7, 8, 10, 30, tzinfo=UTC)),
        ("2025-07-08T10:30:00.123456+02:00", datetime(2025, 7, 8, 10, 30, 0, 123456, timezone(timedelta(hours=2)))),
        ("2025-07-08 10:30:00 UTC", datetime(2025, 7, 8, 10, 30, tzinfo=UTC)),
        ("8.7.2025 22:05", datetime(2025, 7, 8, 22, 5)),
        ("July 8, 2025 10:05 PM", datetime(2025, 7, 8, 22, 5)),
        ("July 8, 2025 at 12:05 AM", datetime(2025, 7, 8, 0, 5)),
        (45846.5, datetime(2025, 7, 8, 12)),
    ],
)
def test_it_reads_a_time_and_keeps_its_zone(cell, moment):
    assert read_moment(cell) == moment
    assert read_moment(cell).tzinfo == moment.tzinfo


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("31.02.2025", "calendar"),
        ("2025-13-01", "calendar"),
        ("7/8/2025", "day or month first"),
        ("2025-07", "week or month"),
        ("July 2025", "week or month"),
        ("July 8, 2025 - July 31, 2025", "several days"),
        ("2025-07-08 10:30 EST", "time zone"),
        ("2025-07-08 25:00", "time of day"),
        ("1875-01-01", "outside"),
        ("soon", "not a date"),
        (3.0, "number, not a date"),
        ("2025-07-08 10:00 +99:00", "offset"),
    ],
)
def test_it_says_why_a_cell_is_no_day(cell, words):
    with pytest.raises(CellRejected, match=words):
        read_moment(cell)


def test_the_column_decides_between_day_and_month_first():
    assert read_moment("7/8/2025", "mdy") == DAY
    assert read_moment("8/7/2025", "dmy") == DAY
    assert [order_of(cell) for cell in ("13/1/2025", "1/13/2025", "1/2/2025", "2/2/2025")] == [
        "dmy",
        "mdy",
        "either",
        "",
    ]


def test_serial_dates_count_from_1904_in_a_workbook_of_that_system():
    assert read_moment(44384.0, epoch=EPOCH_1904) == DAY


def test_it_reads_a_period_from_a_line_above_the_table():
    assert read_range("July 8, 2025 - July 31, 2025") == (DAY, date(2025, 7, 31))
    assert read_range("Campaign report") is None


@given(DAYS, st.sampled_from(["%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%b %d, %Y", "%d %B %Y", "%d-%b-%Y", "%A, %B %d, %Y"]))
def test_a_written_day_is_read_back(day, spelling):
    assert read_moment(day.strftime(spelling)) == day


@given(DAYS, st.sampled_from([("dmy", "%d/%m/%Y"), ("mdy", "%m/%d/%Y"), ("dmy", "%d-%m-%Y")]))
def test_a_day_in_a_known_order_is_read_back(day, how):
    order, spelling = how
    text = day.strftime(spelling)
    assert read_moment(text, order) == day
    assert order_of(text) in ("", "either", order)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 31)))
def test_an_iso_instant_is_read_back(moment):
    assert read_moment(moment.isoformat()) == moment
    assert read_moment(moment.replace(tzinfo=UTC).isoformat()) == moment.replace(tzinfo=UTC)


@given(st.text(max_size=30))
def test_any_text_is_a_day_a_blank_or_a_named_rejection(text):
    moment = None
    with contextlib.suppress(CellRejected):
        moment = read_moment(text, "dmy")
    assert moment is None or 1990 <= moment.year < 2100


CLOCKS = st.sampled_from(
    ["", " 10:30", "T10:30", " 24:00", "T10:30:07", " 9:05", "T10:30:60", " 10:30:07.5", "T10:30:07.123",
     "T10:30:07,123456", "T10:30:07.1234567", "T10", "T1030", "T10+01:00", "t10:30", "  10:30"]
)  # fmt: skip
ZONES = st.sampled_from(
    ["", "Z", "+00:00", "-00:00", "+02:00", "+0530", "+01:75", "+24:00", "+01:00:30", " UTC", " CET", "+2"]
)
ISO_DAYS = st.sampled_from(
    ["2025-07-08", "1990-01-01", "2025-02-30", "2025-W01-1", "2025-7-08", "2025-00-10", "9999-12-31"]
)


@given(ISO_DAYS, CLOCKS, ZONES)
def test_the_short_way_reads_iso_spellings_as_the_long_way_does(day, clock, zone):
    text = f"{day}{clock}{zone}"
    short = _read_iso(text)
    if short is not None:
        assert short == _read_text(text, "", EPOCH_1900)
        assert getattr(short, "tzinfo", None) == getattr(_read_text(text, "", EPOCH_1900), "tzinfo", None)


@pytest.mark.parametrize(
    "text",
    ["2025-07-08", "2025-07-08 10:30", "2025-07-08T10:30:07", "2025-07-08T10:30:07Z", "2025-07-08T10:30:07.123Z",
     "2025-07-08T10:30:07+02:00"],
)  # fmt: skip
def test_the_spellings_of_programs_take_the_short_way(text):
    assert _read_iso(text) is not None

"""The ATS export, read again as a product would."""

import csv
import io
from collections import Counter
from datetime import date, datetime

import pytest
from openpyxl import load_workbook

FIRST, END = date(2026, 1, 1), date(2026, 11, 19)
STAGES = {"Interviewed at": "interviews", "Offered at": "offers", "Hired at": "hires"}
ORDER = ("Applied at", "Reviewed at", "Interviewed at", "Offered at", "Hired at")


@pytest.fixture
def rows(sb):
    return list(csv.DictReader(io.StringIO(sb.control("ats.csv").decode())))


def instant(text):
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")


def test_its_applications_and_stages_equal_the_truth(sb, rows, credentials, totals):
    platform_of = credentials["ats"]["sources"]
    found = Counter()
    for row in rows:
        platform = platform_of[row["Source"]]
        if platform not in {"indeed", "company_website"} and FIRST <= instant(row["Applied at"]).date() < END:
            found[platform, "applications"] += 1
        for column, metric in STAGES.items():
            if row[column] and FIRST <= instant(row[column]).date() < END:
                found[platform, metric] += 1

    truth = totals(sb.truth(FIRST, END, connected="ats"))

    assert found == Counter({name: value for name, value in truth.items() if value})
    assert 6000 < len(rows) < 8500
    assert sum(1 for row in rows if row["Hired at"]) > 100


def test_stages_never_go_back_in_time_and_nothing_lies_in_the_future(rows, today):
    for row in rows:
        reached = [instant(row[column]) for column in ORDER if row[column]]
        assert reached == sorted(reached)
        ended = row["Rejected at"] or row["Withdrawn at"]
        assert not (row["Hired at"] and ended)
        assert max(reached) < datetime(today.year, today.month, today.day, 1)


def test_every_day_has_an_application_today_included(rows, today, credentials):
    days = {instant(row["Applied at"]).date() for row in rows}

    assert min(days) == date.fromisoformat(credentials["history"]["first_day"])
    assert max(days) == today
    assert len(days) == (max(days) - min(days)).days + 1


def test_ids_are_unique_and_people_are_invented(rows):
    assert len({row["Application ID"] for row in rows}) == len(rows)
    assert {row["E-mail"].rpartition(".")[0].rpartition("@")[2] for row in rows} == {"example"}


def test_sources_are_spelled_in_several_ways(rows, credentials):
    spelled = {row["Source"] for row in rows}

    assert spelled == set(credentials["ats"]["sources"])
    assert {"Indeed", "indeed.com", "Employee referral", "Careers page"} <= spelled


def test_the_workbook_holds_the_same_rows_with_real_dates_and_no_formula(sb, rows):
    sheet = load_workbook(io.BytesIO(sb.control("ats.xlsx"))).active
    header, *body = sheet.iter_rows(values_only=True)

    assert list(header) == list(rows[0])
    assert [["" if cell is None else str(cell) for cell in row] for row in body] == [list(row.values()) for row in rows]
    assert isinstance(body[0][6], datetime)
    title = next(c for r in sheet.iter_rows() for c in r if str(c.value).startswith("=SUM"))
    assert (title.value, title.data_type) == ("=SUM(Talent) Analyst", "s")

"""What columns mean: presets, guesses, and the questions a file leaves open."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from connectors.files.mapping import guess_mapping
from connectors.files.metric_rows import Reading, RowNotes, read_measurements
from connectors.files.reading import open_table
from connectors.files.rejections import Rejections
from connectors.files.survey import survey_table

INDEED = "Campaign,Impressions,Clickthrough rate (CTR),Clicks,Apply starts,Applies,Spend,Cost per click (CPC)"
GOOGLE = "Campaign status,Campaign,Currency code,Impr.,Clicks,Avg. cost,Cost"


def read(csv_file, text, name="export.csv", **changes):
    table = open_table(csv_file(text, name=name))
    mapping = guess_mapping(table, file_name=name).model_copy(update=changes)
    book, notes = Rejections(), RowNotes()
    reading = Reading(mapping, survey_table(table, mapping), date(2026, 3, 1), ZoneInfo("Europe/Berlin"), "EUR")
    rows = list(read_measurements(table, reading, book, notes))
    return [one[:7] for row in rows for one in row], book, notes


@pytest.mark.parametrize(
    ("headers", "preset", "platform"),
    [
        (INDEED, "indeed_campaigns", "indeed"),
        ("job_id,company_name,title,applies,views", "linkedin_postings", "linkedin"),
        ("Event name,Event count,Total users", "ga4_events", "company_website"),
        (GOOGLE, "google_ads_campaigns", "other"),
        ("Tweet id,Tweet text,time,impressions,url clicks", "x_posts", "x"),
        ("Application ID,Candidate Name,Job Name,Source Name,Application Date", "greenhouse", ""),
        ("Opportunity ID,Candidate Name,Posting Title,Origin,Applied At", "lever", ""),
        ("Candidate,Job,Job Shortcode,Stage,Applied date", "workable", ""),
        ("Application Id,Candidate Name,Job,Current Interview Stage,Application Created At", "ashby", ""),
    ],
)
def test_known_exports_are_recognised_by_their_columns(csv_file, headers, preset, platform):
    mapping = guess_mapping(open_table(csv_file(headers + "\n")))
    assert (mapping.preset, mapping.platform) == (preset, platform)


def test_rates_are_never_taken_for_numbers(csv_file):
    mapping = guess_mapping(open_table(csv_file(INDEED + "\n")))
    assert mapping.metrics == {
        "impressions": "Impressions",
        "clicks": "Clicks",
        "apply_starts": "Apply starts",
        "applications": "Applies",
        "spend": "Spend",
    }


def test_totals_are_not_added_and_two_dashes_are_not_zero(csv_file):
    text = (
        f'Campaign report\n{GOOGLE},Day\nEnabled,Total Rewards, EUR,"1,881",12, --,16.67,2026-02-01\n'
        'Enabled,Other,EUR, --,3,0.1,1.00,2026-02-01\nTotal: Campaigns, --,EUR,"1,881",15,0.1,17.67,\n'
        'Total: Account,,EUR,"1,881",15,0.1,17.67,\n'
    )
    found, book, notes = read(csv_file, text)
    assert notes.totals == 2
    assert book.reasons == {}
    assert [(m[0], m[6]) for m in found if m[4] == "Total Rewards"] == [
        ("impressions", 1881),
        ("clicks", 12),
        ("spend", 1667),
    ]
    assert [m[0] for m in found if m[4] == "Other"] == ["clicks", "spend"]


def test_a_long_file_names_its_metrics(csv_file):
    text = "Date,Event name,Event count\n20260201,page_view,12\n20260201,scroll,9\n20260201,apply_complete,2\n"
    found, _, notes = read(csv_file, text)
    assert [(m[0], m[6]) for m in found] == [("views", 12), ("applications", 2)]
    assert notes.silent == 1


def test_one_cell_of_a_column_decides_the_order_of_its_dates(csv_file):
    found, book, _ = read(csv_file, "Date,Clicks\n1/2/2026,1\n13/2/2026,2\n")
    assert [m[1] for m in found] == [date(2026, 2, 1), date(2026, 2, 13)]
    assert book.reasons == {}


def test_a_column_where_every_day_could_be_a_month_is_unsure(csv_file):
    table = open_table(csv_file("Date,Clicks\n1/2/2026,1\n3/2/2026,2\n"))
    assert survey_table(table, guess_mapping(table)).unsure == ("day",)


def test_one_amount_decides_the_decimal_mark_of_the_file(csv_file):
    found, _, _ = read(csv_file, 'Date;Spend\n2026-02-01;"1.234"\n2026-02-02;"3,50"\n')
    assert [m[6] for m in found] == [123400, 350]


def test_a_row_that_covers_several_days_is_rejected(csv_file):
    _, book, _ = read(csv_file, "Start date,End date,Clicks\n2026-02-01,2026-02-07,5\n2026-02-08,2026-02-08,5\n")
    assert list(book.reasons) == ["day is one of several that the row covers: export the file by day"]
    assert book.rows == 1


def test_every_bad_cell_has_its_reason_and_each_row_counts_once(csv_file):
    text = "Date,Clicks,Applies\n2026-02-01,-5,12 %\n2027-01-01,1,1\n,1,1\nsoon,1,1\n2026-02-01,1,1,9\n"
    found, book, _ = read(csv_file, text)
    assert found == []
    assert book.rows == 5
    assert book.reasons == {
        "clicks is negative": 1,
        "applications is a percentage, not a count": 1,
        "day lies in the future": 1,
        "day is missing": 1,
        "day is not a date": 1,
        "the row has more cells than the header": 1,
    }


def test_an_instant_with_an_offset_is_booked_in_the_zone_of_the_numbers(csv_file):
    found, _, _ = read(csv_file, "time,Clicks\n2026-02-01 23:30 +0000,5\n2026-02-01 23:30,6\n")
    assert [m[1] for m in found] == [date(2026, 2, 2), date(2026, 2, 1)]

"""Exports of the applicant systems we know, as they come: recognised, their stages and dates read as meant."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from connectors.ats_presets import ATS_PRESETS
from connectors.files.application_rows import StageNotes, is_stage_known, read_applications
from connectors.files.mapping import guess_mapping
from connectors.files.metric_rows import Reading
from connectors.files.reading import open_table
from connectors.files.rejections import Rejections
from connectors.files.survey import survey_table
from connectors.files.table import SourceFile
from domain.stages import STAGES

GREENHOUSE = """Application ID,Candidate Name,Job Name,Requisition ID,Source Name,Application Date,Current Stage,Rejected On,Hired Date
11,Ana Lima,Welder,REQ-1,Indeed,2026-01-05,Application Review,,
12,Bo Lund,Welder,REQ-1,Referral,2026-01-05,Face to Face,2026-01-20,
13,Cy Orr,Welder,REQ-1,LinkedIn,2026-01-06,Offer,,2026-02-03
"""  # noqa: E501
LEVER = """Opportunity ID,Candidate Name,Posting Title,Posting ID,Origin,Source,Current Stage,Applied At,Hired At,Archived At
o-1,Ana Lima,Welder,p-1,Applied,Indeed,New lead,2026-01-05 10:00,,
o-2,Bo Lund,Welder,p-1,Referred,Employee referral,On-site interview,2026-01-05 10:00,,2026-01-22 09:00
o-3,Cy Orr,Welder,p-1,Applied,LinkedIn,Offer,2026-01-06 10:00,2026-02-03 12:00,
"""  # noqa: E501
WORKABLE = """Candidate,Email,Job,Job Shortcode,Stage,Source,Applied date,Hired date,Disqualified at
Ana Lima,ana@mail.example,Welder,W1,Assessment,Indeed,2026-01-05,,
Bo Lund,bo@mail.example,Welder,W1,Interview,Referral,2026-01-05,,2026-01-20
Cy Orr,cy@mail.example,Welder,W1,Hired,LinkedIn,2026-01-06,2026-02-03,
"""
ASHBY = """Application Id,Candidate Name,Candidate Email,Job,Job Id,Source,Current Interview Stage,Application Created At,Hired At,Archived At
a-1,Ana Lima,ana@mail.example,Welder,j-1,Indeed,Replied,2026-01-05T10:00:00Z,,
a-2,Bo Lund,bo@mail.example,Welder,j-1,Referral,Archived,2026-01-05T10:00:00Z,,2026-01-20T10:00:00Z
a-3,Cy Orr,cy@mail.example,Welder,j-1,LinkedIn,Offer,2026-01-06T10:00:00Z,2026-02-03T10:00:00Z,
"""  # noqa: E501


def read(text, words=None):
    table = open_table(SourceFile("export.csv", text.encode()))
    mapping = guess_mapping(table)
    survey = survey_table(table, mapping)
    reading = Reading(mapping, survey, date(2026, 3, 1), ZoneInfo("UTC"), "EUR", words or {})
    book = Rejections()
    rows = list(read_applications(table, reading, book, StageNotes()))
    assert book.reasons == {}
    return reading, rows


@pytest.mark.parametrize(
    ("text", "key", "stages"),
    [
        (GREENHOUSE, "greenhouse", ["applied", "rejected", "hired"]),
        (LEVER, "lever", ["applied", "rejected", "hired"]),
        (WORKABLE, "workable", ["reviewed", "rejected", "hired"]),
        (ASHBY, "ashby", ["applied", "rejected", "hired"]),
    ],
)
def test_an_export_is_known_by_its_columns_and_read_as_it_means(text, key, stages):
    reading, rows = read(text)
    assert reading.mapping.preset == key
    assert [row.stage for row in rows] == stages
    assert [row.platform for row in rows] == ["indeed", "referrals", "linkedin"]
    assert [row.posting_title for row in rows] == ["Welder"] * 3
    assert all(row.posting_ref for row in rows)
    assert rows[2].moments["hired"].date() == date(2026, 2, 3)
    assert "interviewed" not in rows[1].moments, "the day of the rejection is not that of an interview"


@pytest.mark.parametrize(
    "text",
    [
        LEVER.replace("2026-02-03 12:00,", "2026-02-03 12:00,2026-02-03 12:00"),
        ASHBY.replace("Offer,2026-01-06T10:00:00Z,2026-02-03T10:00:00Z,", "Archived,2026-01-06,2026-02-03,2026-02-04"),
    ],
)
def test_who_was_hired_and_therefore_archived_was_not_turned_down(text):
    _, rows = read(text)
    assert [row.stage for row in rows] == ["applied", "rejected", "hired"]
    assert "rejected" in rows[1].moments
    assert rows[2].moments.keys() == {"applied", "hired"}


#: Each system's column for why somebody is out, as its export calls it, and a reason that the person gave.
REASONS = [
    (GREENHOUSE, "Rejection Reason", "Wasn’t interested"),
    (GREENHOUSE, "Rejection Reason Type", "They rejected us"),
    (LEVER, "Archive Reason", "Withdrew"),
    (WORKABLE, "Disqualification reason", "Candidate withdrew"),
    (ASHBY, "Archive Reason", "Offer Declined"),
    (ASHBY, "Archive Reason Type", "Rejected by candidate"),
]


def with_reason(text, header, reason):
    """The export with a column more, which has a reason for the second person, who is out."""
    head, first, second, third, _ = text.split("\n")
    return "\n".join((f"{head},{header}", f"{first},", f"{second},{reason}", f"{third},", ""))


@pytest.mark.parametrize(("text", "header", "reason"), REASONS)
def test_who_withdrew_is_not_counted_as_turned_down(text, header, reason):
    reading, rows = read(with_reason(text, header, reason))
    assert reading.mapping.columns["end_reason"] == header
    assert reading.survey.words["end_reason"] == {"": 2, reason: 1}
    assert [row.stage for row in rows][1:] == ["withdrawn", "hired"]
    _, plain = read(text)
    assert rows[1].moments == {"applied": plain[1].moments["applied"], "withdrawn": plain[1].moments["rejected"]}
    assert [rows[0], rows[2]] == [plain[0], plain[2]]


@pytest.mark.parametrize("reason", ["Underqualified", "Position closed", "Offer withdrawn", "Somebody else was hired"])
def test_any_other_reason_is_the_companys(reason):
    _, rows = read(with_reason(LEVER, "Archive reason", reason))
    assert rows[1].stage == "rejected"


def test_a_company_says_whose_end_a_reason_is():
    text = with_reason(LEVER, "Archive reason", "Salary")
    assert read(text)[1][1].stage == "rejected"
    assert read(text, {"salary": "withdrawn"})[1][1].stage == "withdrawn"
    assert read(with_reason(LEVER, "Archive reason", "Withdrew"), {"withdrew": "rejected"})[1][1].stage == "rejected"


def test_who_was_archived_as_hired_was_hired_that_day():
    text = LEVER.replace("2026-02-03 12:00,\n", ",2026-02-04 12:00\n")
    _, rows = read(with_reason(text, "Archive reason", "").replace("2026-02-04 12:00,", "2026-02-04 12:00,Hired"))
    assert rows[2].stage == "hired"
    assert rows[2].moments["hired"].date() == date(2026, 2, 4)
    assert "rejected" not in rows[2].moments


def test_a_withdrawal_without_a_day_is_one_all_the_same():
    text = "\n".join(line.rsplit(",", 1)[0] for line in LEVER.split("\n"))
    _, rows = read(with_reason(text, "Archive reason", "Withdrew"))
    assert rows[1].stage == "withdrawn"
    assert rows[1].moments.keys() == {"applied"}


def test_what_a_company_says_of_its_words_goes_before_everything():
    text = "Candidate,Email,Job,Job Shortcode,Stage,Applied date\nAna,a@mail.example,Welder,W1,Trial-Day,2026-01-05\n"
    reading, (row,) = read(text)
    assert (row.stage, is_stage_known(reading, "Trial-Day")) == ("applied", False)
    reading, (row,) = read(text, {"trial day": "interviewed"})
    assert (row.stage, is_stage_known(reading, "Trial-Day")) == ("interviewed", True)
    reading, (row,) = read(text.replace("Trial-Day", "Offer"), {"offer": ""})
    assert (row.stage, is_stage_known(reading, "Offer")) == ("applied", True)


def test_every_word_of_a_preset_is_folded_and_stands_for_a_stage_of_ours():
    for preset in ATS_PRESETS:
        assert set(preset.stages.values()) <= set(STAGES)
        assert all(words == " ".join(words.casefold().replace("-", " ").split()) for words in preset.stages)

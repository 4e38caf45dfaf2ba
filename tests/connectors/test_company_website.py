"""Google Analytics: odd rows, quotas, and both ways to sign in."""

import json
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from connectors import ga4_facts
from connectors.answers import Answer
from connectors.company_website import CompanyWebsite
from connectors.errors import AuthExpired, ConfigError, RateLimited, Rejected, SchemaDrift, Transient
from connectors.ga4_reports import Batch, Header, Metadata, Report, Row, Table, TooManyRowsError, Value, read_whole
from domain.facts import Breakdown, Fact, Scope
from sandbox.launch import Sandbox
from tests.connectors.rig import NOW, reading, window_of

DAY = date(2026, 11, 1)


def table(*rows: tuple[str, ...], dimensions: tuple[str, ...], metrics: int = 1) -> Table:
    """A table as read: cells, the last `metrics` of them numbers."""
    built = Table()
    for row in rows:
        built.rows[row[:-metrics]] = tuple(int(cell) for cell in row[-metrics:])
    assert all(len(row) == len(dimensions) + metrics for row in rows)
    return built


def test_it_adds_rows_up_that_are_one_page():
    reading_ = ga4_facts.readings("/jobs", {})[1]
    rows = table(
        ("20261101", "google", "organic", "(organic)", "/jobs/Engineer", "3"),
        ("20261101", "google", "organic", "(organic)", "/jobs/Engineer/", "4"),
        ("20261101", "google", "organic", "(organic)", "/jobs/Engineer?x=1", "5"),
        ("20261101", "google", "organic", "(organic)", "/jobs/engineer", "6"),
        dimensions=reading_.spec.dimensions,
    )
    facts = ga4_facts.facts_of(reading_, rows, Counter())
    assert {(fact.posting_ref, fact.value) for fact in facts} == {("/jobs/Engineer", 12), ("/jobs/engineer", 6)}
    assert {fact.breakdown for fact in facts} == {Breakdown("source", "google", "organic", "(organic)")}
    assert {fact.scope for fact in facts} == {Scope.POSTING}


def test_it_counts_one_event_for_every_metric_that_names_it():
    reading_ = ga4_facts.readings("/jobs", {"clicks": ("apply",), "apply_starts": ("apply",)})[2]
    rows = table(("20261101", "a", "b", "c", "apply", "3"), dimensions=reading_.spec.dimensions)
    facts = ga4_facts.facts_of(reading_, rows, Counter())
    assert {(fact.metric, fact.value) for fact in facts} == {("clicks", 3), ("apply_starts", 3)}


def test_it_adds_a_metrics_events_up():
    reading_ = ga4_facts.readings("/jobs", {"applications": ("apply", "lead")})[2]
    rows = table(
        *(("20261101", "a", "b", "c", "apply", "3"), ("20261101", "a", "b", "c", "lead", "4")),
        dimensions=reading_.spec.dimensions,
    )
    assert [(fact.metric, fact.value) for fact in ga4_facts.facts_of(reading_, rows, Counter())] == [
        ("applications", 7)
    ]


def test_it_gives_an_event_to_the_requisition_it_carries_and_no_other():
    reading_ = ga4_facts.readings("/jobs", {"clicks": ("tap",)}, "customEvent:job_id")[3]
    cells = ("20261101", "a", "b", "c", "tap")
    rows = table(
        *((*cells, "REQ-1", "3"), (*cells, " REQ-1 ", "1"), (*cells, "(other)", "50")),
        *((*cells, "(not set)", "60"), (*cells, "", "70")),
        dimensions=reading_.spec.dimensions,
    )
    assert [(f.posting_ref, f.value) for f in ga4_facts.facts_of(reading_, rows, Counter())] == [("REQ-1", 4)]


def test_it_asks_for_nothing_and_closes_nothing_that_has_no_event():
    readings = ga4_facts.readings("/jobs", {"applications": ("apply_complete",)})
    assert {metric for each in readings for metric in each.metrics} == {
        *("views", "sessions", "engaged_sessions", "engagement_seconds"),
        "applications",
    }
    assert len(ga4_facts.readings("/jobs", {})) == 2


def test_it_cleans_what_visitors_put_into_links():
    reading_ = ga4_facts.readings("/jobs", {})[1]
    rows = table(("20261101", "a\x00b\n", " ", "Zu\u0308rich", "/jobs/x", "1"), dimensions=reading_.spec.dimensions)
    (fact,) = ga4_facts.facts_of(reading_, rows, Counter())
    assert fact.breakdown == Breakdown("source", "ab", "", "Zürich")


SPEC = ga4_facts.readings("/jobs", {})[1].spec


def report(*paths_and_values: tuple[str, str], total: int | None = None, **metadata: Any) -> Report:
    """A page of views by path."""
    return Report(
        metric_headers=[Header("screenPageViews")],
        dimension_headers=[Header(name) for name in SPEC.dimensions],
        rows=[
            Row([Value(cell) for cell in ("20261101", "a", "b", "c", path)], [Value(value)])
            for path, value in paths_and_values
        ],
        row_count=len(paths_and_values) if total is None else total,
        metadata=Metadata(**metadata),
    )


def whole(*answers: Report, days: int = 1) -> Table:
    left = list(answers)
    end = date.fromordinal(DAY.toordinal() + days)
    return read_whole(lambda _requests: Batch([left.pop(0)]), [SPEC], (DAY, end), 2)[0]


@pytest.mark.parametrize("value", ["-1", "NaN", "1e999", "1,234", "12 %", "9" * 18, "inf", "٣", "0x1"])
def test_it_leaves_out_a_row_that_is_no_count_and_says_so(value):
    read = whole(report(("/jobs/a", "1"), ("/jobs/b", value)))
    assert list(read.rows.values()) == [(1,)]
    assert read.rejected == {"value": 1}


def test_it_leaves_a_day_open_of_which_it_refused_a_row():
    read = whole(report(("/jobs/a", "1"), ("/jobs/b", "-1")), days=3)
    (page,) = ga4_facts.pages(ga4_facts.readings("/jobs", {})[1:], [read], DAY, date(2026, 11, 4))
    assert [(each.start.day, each.end.day) for each in page.closed] == [(2, 4)]
    assert page.rejected == {"value": 1}


def test_it_keeps_the_quality_flags():
    flags = {"data_loss_from_other_row": True, "subject_to_thresholding": True, "sampling_metadatas": [{}]}
    assert whole(report(("/jobs/a", "1"), **flags)).quality == {"other_row", "thresholded", "sampled"}


def test_it_says_when_google_lumped_rows_together_also_where_only_a_row_tells():
    assert whole(report(("(other)", "1"))).quality == {"other_row"}


def test_it_reads_all_pages_of_a_report():
    read = whole(
        report(("/jobs/a", "1"), ("/jobs/b", "2"), total=3),
        report(("/jobs/c", "3"), total=3),
    )
    assert sorted(read.rows.values()) == [(1,), (2,), (3,)]


def test_it_does_not_trust_pages_that_moved_while_it_read():
    with pytest.raises(Transient):
        whole(report(("/jobs/a", "1"), ("/jobs/b", "2"), total=4), report(("/jobs/b", "2"), ("/jobs/c", "3"), total=4))


def test_it_asks_for_fewer_days_when_a_report_is_too_large():
    with pytest.raises(TooManyRowsError):
        whole(report(("/jobs/a", "1"), total=200_000), days=31)


@pytest.mark.parametrize(
    "wrong",
    [
        Report(metric_headers=[Header("sessions")], dimension_headers=[Header(name) for name in SPEC.dimensions]),
        Report(metric_headers=[Header("screenPageViews")]),
        report(("/jobs/a", "1"), total=0),
    ],
)
def test_it_refuses_another_report_than_it_asked_for(wrong):
    with pytest.raises(SchemaDrift):
        whole(wrong)


@pytest.mark.parametrize("day", ["20261102", "20261031", "2026-11-01", "(other)", "20261301", ""])
def test_it_refuses_days_it_did_not_ask_for(day):
    rows = table((day, "a", "b", "c", "/jobs/x", "1"), dimensions=SPEC.dimensions)
    with pytest.raises(SchemaDrift):
        list(ga4_facts.pages(ga4_facts.readings("/jobs", {})[1:], [rows], DAY, date(2026, 11, 2)))


def refusal(status: int, message: str, **headers: str) -> Exception | None:
    body = json.dumps({"error": {"code": status, "message": message, "status": "X"}}).encode()
    return CompanyWebsite.classify(Answer(status, httpx.Headers(headers), body, "u"), NOW)


@pytest.mark.parametrize(
    ("message", "seconds", "cause"),
    [
        ("Exhausted concurrent requests quota.", 30, "rate_limited"),
        ("Exhausted property tokens for a project per hour.", 1800, "quota"),
        ("Exhausted potentially thresholded requests quota.", 1800, "quota"),
        ("Exhausted property tokens per day. These quota tokens will return in under 24 hours.", 20 * 3600, "quota"),
    ],
)
def test_it_knows_how_long_a_quota_lasts(message, seconds, cause):
    error = refusal(429, message)
    assert isinstance(error, RateLimited)
    assert error.announced
    assert (error.until - NOW).total_seconds() == seconds
    assert error.cause == cause


def test_it_counts_days_in_pacific_time_also_when_clocks_change():
    body = b'{"error":{"message":"Exhausted property tokens per day."}}'
    now = datetime(2026, 11, 1, 8, 30, tzinfo=UTC)  # 01:30 in summer time, the day has 25 hours
    error = CompanyWebsite.classify(Answer(429, httpx.Headers(), body, "u"), now)
    assert isinstance(error, RateLimited)
    assert error.until == datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


def test_it_believes_a_retry_after_more_than_the_words():
    error = refusal(429, "Exhausted property tokens per day.", **{"retry-after": "7"})
    assert isinstance(error, RateLimited)
    assert (error.until - NOW).total_seconds() == 7


@pytest.mark.parametrize(
    ("status", "message", "kind", "cause"),
    [
        (403, "Google Analytics Data API has not been used in project 1 before.", ConfigError, "api_disabled"),
        (400, "Invalid property ID: 0. A numeric Property ID is required.", ConfigError, "account_unknown"),
        (400, "Field pageViews is not a valid metric.", Rejected, "request_rejected"),
    ],
)  # fmt: skip
def test_it_tells_refusals_apart_by_their_words(status, message, kind, cause):
    error = refusal(status, message)
    assert type(error) is kind
    assert error.cause == cause


def oauth(sandbox: Sandbox, **changes: str) -> dict[str, Any]:
    told = sandbox.control("credentials")["ga4"]["oauth"]
    named = {
        "oauth_client_id": told["client_id"],
        "oauth_client_secret": told["client_secret"],
        "refresh_token": told["refresh_token"],
    }
    return {"service_account_json": None, **named, **changes}


def test_it_signs_in_with_a_refresh_token_and_keeps_it(sandbox: Sandbox):
    changes = oauth(sandbox)
    with reading(sandbox, "company_website", **changes) as reader:
        assert reader.read(window_of(sandbox, "company_website", 2))
        token = reader.source.session.tokens.current()
    assert token is not None
    assert token.refresh_token == changes["refresh_token"]


@pytest.mark.parametrize(
    ("changes", "kind", "cause"),
    [
        ({"refresh_token": "canary-old"}, AuthExpired, "auth_revoked"),
        ({"oauth_client_secret": "canary-wrong"}, ConfigError, "key_invalid"),
        ({"oauth_client_id": "nobody"}, ConfigError, "key_invalid"),
    ],
)
def test_it_says_what_is_wrong_with_a_client_in_one_call(sandbox: Sandbox, changes, kind, cause):
    with reading(sandbox, "company_website", **oauth(sandbox, **changes)) as reader, pytest.raises(kind) as caught:
        reader.read(window_of(sandbox, "company_website", 2))
    assert caught.value.cause == cause
    assert reader.http.usage.requests == 1
    assert reader.spent == []


def test_it_says_when_the_api_is_switched_off(sandbox: Sandbox):
    sandbox.control("revoke", {"what": "google_service"})
    with reading(sandbox, "company_website") as reader, pytest.raises(ConfigError) as caught:
        reader.source.check()
    assert caught.value.cause == "api_disabled"


def test_it_notes_what_looks_wrong_in_the_form(sandbox: Sandbox):
    changes = {"careers_path": "/karriere", "apply_click_event": "aply_click", "apply_complete_event": ""}
    with reading(sandbox, "company_website", **changes) as reader:
        notes = " ".join(reader.source.check().notes)
    assert "/karriere" in notes
    assert "aply_click" in notes
    assert "apply_start" not in notes
    assert "applications" in notes


def test_it_reads_several_events_and_postings_by_what_the_events_carry(sandbox: Sandbox):
    window = window_of(sandbox, "company_website", 3)
    paths = {each["path"]: each["requisition"] for each in sandbox.control("postings")}
    with reading(sandbox, "company_website") as reader:
        by_path = reader.read(window)
    with reading(sandbox, "company_website", posting_dimension="job_id") as reader:
        assert reader.source.check().notes == ()
        by_id = reader.read(window)
        seen = {each.ref: each for page in reader.pages for each in page.postings}
    events = {"clicks", "apply_starts", "applications"}

    def counted(facts: list[Fact], names: dict[str, str]) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        for fact in facts:
            if fact.metric in events and fact.scope is Scope.POSTING and fact.posting_ref in names:
                found[fact.metric, names[fact.posting_ref]] += fact.value
        return found

    requisitions = {ref: each.requisition_ref for ref, each in seen.items() if each.requisition_ref}
    assert requisitions
    assert all(ref == name and not seen[ref].path for ref, name in requisitions.items())
    assert counted(by_id, requisitions) == counted(by_path, paths)
    assert {f.posting_ref[0] for f in by_id if f.metric == "views" and f.scope is Scope.POSTING} == {"/"}


def test_it_counts_all_events_that_are_named_for_a_metric(sandbox: Sandbox):
    window = window_of(sandbox, "company_website", 2)
    changes = {"apply_click_event": "apply_click, apply_start", "apply_start_event": ""}
    with reading(sandbox, "company_website") as reader:
        apart = reader.read(window)
    with reading(sandbox, "company_website", **changes) as reader:
        together = reader.read(window)
    for scope in (Scope.TOTAL, Scope.POSTING):
        both = sum(f.value for f in apart if f.metric in {"clicks", "apply_starts"} and f.scope is scope)
        assert sum(f.value for f in together if f.metric == "clicks" and f.scope is scope) == both > 0


def test_it_says_which_parameter_the_property_does_not_know(sandbox: Sandbox):
    with reading(sandbox, "company_website", posting_dimension="jobid") as reader, pytest.raises(ConfigError) as caught:
        reader.source.check()
    assert caught.value.cause == "config_invalid"
    assert "customEvent:jobid" in caught.value.detail


def test_it_tells_the_quality_of_what_it_read(sandbox: Sandbox):
    sandbox.plan("/v1beta/properties/", {"kind": "blurred"}, repeat="always")
    with reading(sandbox, "company_website") as reader:
        assert reader.read(window_of(sandbox, "company_website", 2))
    assert {flag for page in reader.pages for flag in page.quality} == {"thresholded", "other_row", "sampled"}

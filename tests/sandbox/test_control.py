"""The control API: what it tells and what it turns."""

import httpx
import pytest

from sandbox.launch import SandboxFailedError
from sandbox.server import build_app
from tests.loops import run


def test_the_credentials_are_all_a_company_needs_to_connect(sb, credentials):
    key_file = credentials["ga4"]["service_account"]

    assert credentials["company"] == {"name": "Halden Robotics", "time_zone": "Europe/Berlin"}
    assert key_file["token_uri"] == f"{sb.url}/token"
    assert {"type", "project_id", "private_key_id", "private_key", "client_email", "client_id"} <= key_file.keys()
    assert credentials["ga4"]["property_id"].isdigit()
    assert credentials["ga4"]["careers_path"] == "/jobs"
    assert credentials["indeed"].keys() >= {"client_id", "client_secret", "employer_id"}


def test_postings_carry_what_an_admin_would_type(sb):
    postings = sb.control("postings")

    assert len(postings) >= 44
    assert postings[0]["requisition"] == "REQ-1001"
    for posting in postings:
        assert posting["path"] == f"/jobs/{posting['slug']}"
        assert posting["closed_on"] is None or posting["opened_on"] < posting["closed_on"]
        assert posting["recruiter"]
        assert posting["hiring_manager"]


def test_the_log_tells_what_was_asked_and_keeps_secrets_out(sb, ga4, http, credentials):
    sb.control("log", method="DELETE")
    ga4.sign_in()
    ga4.report("date", "sessions")

    token, report = sb.log()
    secret = credentials["ga4"]["oauth"]
    assert (token["method"], token["path"], token["status"]) == ("POST", "/token", 200)
    assert "grant_type=refresh_token" in token["body"]
    assert secret["client_secret"] not in str(token)
    assert secret["refresh_token"].replace("/", "%2F") not in str(token)
    assert report["headers"]["authorization"] == "[redacted]"
    assert report["headers"]["user-agent"] == "sandbox-tests/1"
    assert '"27daysAgo"' in report["body"]
    assert report["monotonic"] > token["monotonic"]
    assert report["seq"] == token["seq"] + 1


def test_the_log_names_the_fault_a_request_met(sb, http):
    sb.plan("/token", {"kind": "503"})
    http.post("/token")

    entry = sb.log()[-1]
    assert (entry["status"], entry["fault"]) == (503, "503")


def test_the_clock_moves_the_days_and_the_date_header(sb, http):
    before = sb.control("clock")
    after = sb.control("clock", {"offset": 3 * 86_400})

    assert (before["company_today"], after["company_today"]) == ("2026-11-18", "2026-11-21")
    assert before["property_today"] == before["indeed_today"] == "2026-11-18"
    assert sb.control("truth")["to"] == "2026-11-22"
    with pytest.raises(SandboxFailedError, match="number of seconds"):
        sb.control("clock", {"offset": "tomorrow"})


def test_restated_days_move_with_the_clock_on_the_wire_as_in_the_truth(sb, ga4, indeed, totals):
    def seen():
        report = ga4.report(dateRanges=[{"startDate": "2026-11-17", "endDate": "2026-11-17"}])
        return int(report["rows"][0]["metricValues"][0]["value"])

    young = seen()
    sb.control("clock", {"offset": 3 * 86_400})
    ga4.sign_in()
    grown = seen()

    assert grown > young
    indeed = type(indeed)(indeed.http, indeed.account)
    entries = [
        entry
        for campaign in indeed.campaigns()
        for entry in indeed.entries(campaign["Id"], startDate="2026-11-18", endDate="2026-11-19")
    ]
    truth = totals(sb.control("truth?from=2026-11-18&to=2026-11-19&connected=indeed"))
    assert sum(round(entry["Cost"] * 100) for entry in entries) == truth["indeed", "spend"]


def test_reset_undoes_everything(sb, http, ga4, body_of):
    sb.plan("/token", {"kind": "500"}, repeat="always")
    sb.control("clock", {"offset": 86_400})
    sb.control("quota", {"tokensPerDay": 0})
    sb.control("revoke", {"what": "google_refresh"})

    sb.reset()

    assert sb.control("plan") == []
    assert sb.log() == []
    assert sb.control("clock")["offset"] == 0
    ga4.sign_in()
    assert ga4.call("runReport", body_of()).status_code == 200


def test_an_order_it_cannot_follow_is_refused(sb):
    for path, order in (
        ("revoke", {"what": "everything"}),
        ("quota", {"tokensPerYear": 1}),
        ("quota", {"tokensPerDay": "few"}),
        ("truth?from=yesterday", None),
    ):
        with pytest.raises(SandboxFailedError):
            sb.control(path, order)


def test_control_requests_are_not_in_the_log_and_meet_no_fault(sb):
    sb.plan("^/", {"kind": "500"}, repeat="always")

    assert len(sb.control("postings")) >= 44
    assert sb.log() == []


@pytest.mark.parametrize(("peer", "status"), [("203.0.113.9", 403), ("127.0.0.1", 200), ("::1", 200)])
def test_it_answers_only_the_machine_it_runs_on(world, peer, status):
    transport = httpx.ASGITransport(build_app(world), client=(peer, 5000))

    async def ask():
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
            return await client.get("/_ctl/clock")

    assert run(ask()).status_code == status

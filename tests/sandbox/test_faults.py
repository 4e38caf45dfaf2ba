"""Each kind of fault, seen from the other end of the wire."""

import gzip
import json
import socket
import time
from datetime import timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

from sandbox.launch import SandboxFailedError

CAMPAIGNS = "/ads/v1/campaigns"


@pytest.fixture
def refused(sb, http):
    """A request to a route that has a plan; without a token, so that only the fault can answer otherwise."""

    def ask(*steps, route="/token", **more):
        sb.plan(route, *steps, **more)
        return http.post("/token", data={"grant_type": "x"})

    return ask


def test_429_with_seconds(refused):
    answer = refused({"kind": "429_seconds", "seconds": 7})

    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "7"
    assert answer.json()["error"]["status"] == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("form", ["imf", "rfc850"])
def test_429_with_a_date_counts_from_the_sandboxs_own_clock(sb, refused, form):
    sb.control("clock", {"offset": 90})
    before = time.time()

    answer = refused({"kind": "429_date", "seconds": 5, "format": form})

    wait = parsedate_to_datetime(answer.headers["retry-after"]) - parsedate_to_datetime(answer.headers["date"])
    assert timedelta(seconds=3) <= wait <= timedelta(seconds=5)
    assert ("-" in answer.headers["retry-after"]) == (form == "rfc850")
    # A date has no fractions of a second.
    assert before + 89 <= parsedate_to_datetime(answer.headers["date"]).timestamp() <= time.time() + 90


def test_429_without_a_word_on_when(refused):
    answer = refused({"kind": "429_plain"})

    assert answer.status_code == 429
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("code", [500, 502, 503])
def test_server_errors_speak_the_platforms_language(sb, indeed, refused, code):
    assert refused({"kind": str(code)}).json()["error"]["code"] == code

    sb.plan(CAMPAIGNS, {"kind": str(code)})
    answer = indeed.get("/v1/campaigns")
    assert (answer.status_code, answer.json()["meta"]["status"]) == (code, code)


def test_html_comes_with_200(refused):
    answer = refused({"kind": "html"})

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "<h1>" in answer.text


@pytest.mark.parametrize(("kind", "value"), [("null", None), ("empty", {})])
def test_valid_json_of_the_wrong_shape(refused, kind, value):
    assert refused({"kind": kind}).json() == value


def test_a_truncated_body_promises_more_than_it_brings(sb, indeed):
    sb.plan(CAMPAIGNS, {"kind": "truncated"})

    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        indeed.get("/v1/campaigns")
    assert len(indeed.campaigns()) == 9


def test_a_body_is_cut_where_told(sb):
    sb.plan("/token", {"status": 200, "body": "0123456789", "truncate_at": 4})
    host, port = sb.url.removeprefix("http://").split(":")

    with socket.create_connection((host, int(port)), timeout=60) as raw:
        raw.sendall(b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        received = b"".join(iter(lambda: raw.recv(4096), b""))

    assert b"content-length: 10\r\n" in received
    assert received.endswith(b"\r\n\r\n0123")


def test_a_chunked_body_ends_without_its_last_chunk(sb, indeed):
    sb.plan(CAMPAIGNS, {"kind": "chunked_cut"})

    with pytest.raises(httpx.RemoteProtocolError):
        indeed.get("/v1/campaigns")


def test_a_whole_body_may_come_in_chunks(sb, indeed):
    sb.plan(CAMPAIGNS, {"chunked": True})

    answer = indeed.get("/v1/campaigns")

    assert answer.headers["transfer-encoding"] == "chunked"
    assert len(answer.json()["data"]["Campaigns"]) == 9


@pytest.mark.parametrize("step", [{"kind": "reset"}, {"close": "reset", "truncate_at": 0}])
def test_the_connection_is_reset(sb, indeed, step):
    sb.plan(CAMPAIGNS, step)

    with pytest.raises(httpx.ReadError, match="reset by peer"):
        indeed.get("/v1/campaigns")


def test_a_drip_sends_the_real_answer_a_few_bytes_at_a_time(sb, indeed, http):
    sb.plan(CAMPAIGNS, {"drip": {"bytes": 100, "interval_ms": 40}})
    headers = {"authorization": f"Bearer {indeed.token}"}

    started = time.monotonic()
    with http.stream("GET", CAMPAIGNS, headers=headers) as answer:
        content = b"".join(answer.iter_raw())
    took = time.monotonic() - started

    assert len(json.loads(content)["data"]["Campaigns"]) == 9
    assert len(content) > 500
    assert took >= 0.04 * (len(content) // 100 - 1)


def test_a_hanging_request_gets_no_answer(sb, http):
    sb.plan("/token", {"kind": "hang"})

    with pytest.raises(httpx.ReadTimeout):
        http.post("/token", timeout=httpx.Timeout(60, read=0.5))


def test_an_answer_is_late(refused):
    started = time.monotonic()

    assert refused({"delay_ms": 250}).status_code == 400
    assert time.monotonic() - started >= 0.25


def test_garbage_after_a_valid_beginning(sb, indeed):
    sb.plan(CAMPAIGNS, {"kind": "garbage"})

    answer = indeed.get("/v1/campaigns")

    assert answer.status_code == 200
    assert answer.content.startswith(b'{"meta"')
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_label_of_gzip_on_a_plain_body(sb, indeed):
    sb.plan(CAMPAIGNS, {"kind": "mislabelled_gzip"})

    with pytest.raises(httpx.DecodingError):
        indeed.get("/v1/campaigns")


def test_a_small_body_unpacks_to_a_hundred_megabytes(sb, http):
    sb.plan("/token", {"kind": "gzip_bomb", "gzip_bomb": 100})

    with http.stream("POST", "/token") as answer:
        packed = b"".join(answer.iter_raw())

    assert answer.headers["content-encoding"] == "gzip"
    assert len(packed) < 200_000
    assert len(gzip.decompress(packed)) == 100 * 1024 * 1024


def test_a_redirect_points_where_told(refused):
    answer = refused({"kind": "redirect", "headers": {"location": "http://169.254.169.254/latest"}})

    assert (answer.status_code, answer.headers["location"]) == (302, "http://169.254.169.254/latest")


def test_a_scripted_answer_is_sent_as_written(refused, tmp_path):
    page = tmp_path / "answer.json"
    page.write_text('{"rows": 1}')

    answer = refused({"status": 418, "file": str(page), "headers": {"x-odd": "1", "content-type": "text/plain"}})

    assert (answer.status_code, answer.text, answer.headers["x-odd"]) == (418, '{"rows": 1}', "1")
    assert answer.headers["content-type"] == "text/plain"


def test_an_expired_token_is_refused_until_it_is_renewed(sb, ga4, body_of):
    sb.plan(ga4.path, {"kind": "token_expired"})

    assert [ga4.call("runReport", body_of()).status_code for _ in range(2)] == [401, 401]
    ga4.sign_in()
    assert ga4.call("runReport", body_of()).status_code == 200


def test_a_revoked_token_cannot_be_renewed(sb, ga4, body_of, http, credentials):
    sb.plan(ga4.path, {"kind": "token_revoked"})

    assert ga4.call("runReport", body_of()).status_code == 401
    form = {"grant_type": "refresh_token", **credentials["ga4"]["oauth"]}
    assert http.post("/token", data=form).json()["error"] == "invalid_grant"


def test_a_revoked_indeed_client_gets_no_other_token(sb, indeed):
    sb.plan(CAMPAIGNS, {"kind": "token_revoked"})

    assert indeed.get("/v1/campaigns").status_code == 401
    assert indeed.issue(scope="employer_access").status_code == 401


def test_a_looping_list_of_campaigns_has_a_next_page_that_is_itself(sb, indeed):
    sb.plan(CAMPAIGNS, {"kind": "loop"}, repeat="always")

    first = indeed.get("/v1/campaigns", perPage=2).json()
    href = next(link["href"] for link in first["meta"]["links"] if link["rel"] == "next")
    second = indeed.get(href).json()

    assert second["data"] == first["data"]
    assert next(link["href"] for link in second["meta"]["links"] if link["rel"] == "next") == href


def test_a_looping_report_repeats_its_rows_and_promises_more(sb, ga4, body_of):
    sb.plan(ga4.path, {"kind": "loop"}, repeat="always")
    pages = [ga4.report("date pagePath", limit=10, offset=offset) for offset in (0, 10, 20)]

    assert pages[0]["rows"] == pages[1]["rows"] == pages[2]["rows"]
    assert [page["rowCount"] for page in pages] == [20, 30, 40]


def test_a_duplicate_page_is_the_one_before_and_then_all_is_well(sb, ga4, indeed):
    plain = [ga4.report("date pagePath", limit=10, offset=offset)["rows"] for offset in (0, 10)]
    sb.plan(ga4.path, {"pass": True}, {"kind": "duplicate_page"})
    served = [ga4.report("date pagePath", limit=10, offset=offset)["rows"] for offset in (0, 10, 10)]
    assert served == [plain[0], plain[0], plain[1]]

    first = indeed.get("/v1/campaigns", perPage=3).json()
    href = next(link["href"] for link in first["meta"]["links"] if link["rel"] == "next")
    sb.plan(CAMPAIGNS, {"kind": "duplicate_page"})
    again = indeed.get(href).json()
    assert again["data"] == first["data"]
    assert next(link["href"] for link in again["meta"]["links"] if link["rel"] == "next") == href


def test_steps_are_taken_in_turn_and_the_rounds_counted(sb, http):
    sb.plan("/token", {"kind": "500"}, {"pass": True}, {"kind": "429_plain"}, repeat=2)

    statuses = [http.post("/token").status_code for _ in range(8)]

    assert statuses == [500, 400, 429, 500, 400, 429, 400, 400]


def test_a_plan_is_for_its_route_and_may_be_a_pattern(sb, http, indeed):
    sb.plan(r"^/ads/v1/campaigns/[^/]+/stats\?.*merge=true", {"kind": "503"}, repeat="always")
    campaign = indeed.campaigns()[0]["Id"]

    assert indeed.get(f"/v1/campaigns/{campaign}/stats", merge="true").status_code == 503
    assert indeed.get(f"/v1/campaigns/{campaign}/stats", merge="false").status_code == 200
    assert http.post("/token").status_code == 400

    sb.control("plan", method="DELETE")
    assert indeed.get(f"/v1/campaigns/{campaign}/stats", merge="true").status_code == 200


def test_a_plan_nobody_could_follow_is_refused(sb):
    for plan, words in (
        ({"route": "/token", "steps": []}, "at least one step"),
        ({"steps": [{"kind": "500"}]}, "needs a route"),
        ({"route": "/token", "steps": [{"kind": "meteor"}]}, "unknown kind"),
        ({"route": "/token", "steps": [{"statuz": 500}]}, "fields only"),
    ):
        with pytest.raises(SandboxFailedError, match=words):
            sb.control("plan", plan)
    assert sb.control("plan") == []

"""LinkedIn's marketing API as imitated: it insists on its headers and its encoding, and its numbers are the truth."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from sandbox.consent import Refused
from sandbox.linkedin_account import LinkedInAccount
from sandbox.oauth_linkedin import refreshed

HEADERS = {"LinkedIn-Version": "202609", "X-Restli-Protocol-Version": "2.0.0"}
STATISTICS = "/rest/organizationalEntityShareStatistics"
BACK = "http://127.0.0.1:9/auth/callback"


@pytest.fixture
def account(credentials):
    return credentials["linkedin_page"]


@pytest.fixture
def form(account):
    return {name: account[name] for name in ("client_id", "client_secret")}


@pytest.fixture
def token(http, form, account):
    asked = {**form, "grant_type": "refresh_token", "refresh_token": account["refresh_token"]}
    return http.post("/oauth/v2/accessToken", data=asked).json()


@pytest.fixture
def get(http, token):
    def get(path, **headers):
        told = {**HEADERS, "authorization": f"Bearer {token['access_token']}", **headers}
        return http.get(path, headers={name: value for name, value in told.items() if value})

    return get


@pytest.fixture
def finder(account):
    entity = f"urn%3Ali%3Aorganization%3A{account['organization_id']}"
    return f"{STATISTICS}?q=organizationalEntity&organizationalEntity={entity}"


def millis(day):
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def by_day(first, end, granularity="DAY"):
    return f"&timeIntervals=(timeRange:(start:{millis(first)},end:{millis(end)}),timeGranularityType:{granularity})"


def test_its_days_are_the_truth_and_reach_back_twelve_months(sb, get, finder, today):
    told = get(finder + by_day(today - timedelta(days=900), today + timedelta(days=9))).json()["elements"]
    found = Counter()
    for element in told:
        day = datetime.fromtimestamp(element["timeRange"]["start"] / 1000, UTC).date()
        assert element["timeRange"]["end"] - element["timeRange"]["start"] == 86_400_000
        totals = element["totalShareStatistics"]
        found["impressions", day] = totals["impressionCount"]
        found["clicks", day] = totals["clickCount"]
        found["reach", day] = totals["uniqueImpressionsCounts"]
    first = today.replace(year=today.year - 1)
    assert min(day for _, day in found) >= first
    rows = sb.truth(first, today + timedelta(days=1), connected="linkedin_page")["days"]
    assert +found == +Counter({(row["metric"], date.fromisoformat(row["day"])): row["value"] for row in rows})


def test_posts_that_brought_nothing_are_left_out_of_the_statistics(get, finder, account):
    author = finder.partition("organizationalEntity=")[2]
    posts = get(f"/rest/posts?author={author}&q=author&count=100&start=0&sortBy=CREATED").json()["elements"]
    shares = [post["id"] for post in posts if post["id"].startswith("urn:li:share:")][:50]
    listed = ",".join(urn.replace(":", "%3A") for urn in shares)
    told = get(f"{finder}&shares=List({listed})").json()["elements"]
    assert 0 < len(told) < len(shares)
    assert {element["share"] for element in told} < set(shares)


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("&shares=List(urn:li:share:1)", 400),
        ("&shares=List%28urn%3Ali%3Ashare%3A1%29", 400),
        ("&shares=List(urn%3Ali%3Ashare%3A1)", 403),
        ("&shares=List(urn%3Ali%3Ashare%3A1)&timeIntervals=(timeRange:(start:1,end:2),timeGranularityType:DAY)", 400),
        ("&timeIntervals=(start:1)", 400),
        ("&shares=List(" + ",".join(["urn%3Ali%3Ashare%3A7045020441609936898"] * 120) + ")", 414),
    ],
    ids=["plain urn", "encoded brackets", "of somebody else", "both", "no interval", "too long"],
)
def test_it_insists_on_its_encoding(get, finder, what, status):
    assert get(finder + what).status_code == status


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"LinkedIn-Version": ""}, 400, "VERSION_MISSING"),
        ({"LinkedIn-Version": "202409"}, 426, "NONEXISTENT_VERSION"),
        ({"X-Restli-Protocol-Version": ""}, 400, "ILLEGAL_ARGUMENT"),
        ({"authorization": "Bearer nobody"}, 401, "INVALID_ACCESS_TOKEN"),
    ],
)
def test_it_insists_on_its_headers(get, finder, headers, status, code):
    answer = get(finder, **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["x-li-uuid"]


def test_a_token_tells_how_it_ended(sb, get, finder):
    sb.control("revoke", {"what": "linkedin_grant"})
    assert get(finder).json()["serviceErrorCode"] == 65601
    sb.control("revoke", {"what": "linkedin_grant", "restore": True})
    assert get(finder).status_code == 200


def test_refreshing_does_not_prolong_a_grant(sb, http, form, token, account):
    assert token["refresh_token"] == account["refresh_token"]
    told = http.post("/oauth/v2/introspectToken", data={**form, "token": token["access_token"]}).json()
    assert (told["active"], told["status"]) == (True, "active")
    asked = {"response_type": "code", "client_id": form["client_id"], "redirect_uri": BACK, "state": "s"}
    asked["scope"] = "r_organization_social rw_organization_admin"
    back = http.post("/oauth/v2/authorization", data=asked | {"answer": "allow"}).headers["location"]
    code = back.partition("code=")[2].partition("&")[0]
    exchange = {**form, "grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    first = http.post("/oauth/v2/accessToken", data=exchange).json()
    assert (first["expires_in"], first["refresh_token_expires_in"]) == (5_184_000, 31_536_000)
    sb.control("clock", {"offset": 100_000})
    again = {**form, "grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    later = http.post("/oauth/v2/accessToken", data=again).json()
    assert later["refresh_token"] == first["refresh_token"]
    assert 31_536_000 - 100_100 < later["refresh_token_expires_in"] <= 31_536_000 - 100_000


@pytest.mark.parametrize(("days", "is_good"), [(364, True), (365, False)])
def test_the_first_grant_ends_after_a_year(today, days, is_good):
    account = LinkedInAccount(7)
    world = SimpleNamespace(
        linkedin_account=account,
        linkedin=SimpleNamespace(today=lambda: today + timedelta(days=days)),
        company=SimpleNamespace(season=SimpleNamespace(anchor=today)),
        authority=SimpleNamespace(revoked=set()),
    )
    if is_good:
        assert refreshed(world, account.refresh_token)[1] == timedelta(days=1)
    else:
        with pytest.raises(Refused, match="expired or revoked"):
            refreshed(world, account.refresh_token)

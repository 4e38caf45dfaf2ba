"""The sandbox's Facebook page in the Graph API's own words, and Meta's own client, unmodified, reading it."""

import hashlib
import hmac
from collections import Counter
from datetime import date, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from facebook_business.adobjects.page import Page
from facebook_business.adobjects.pagepost import PagePost
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

#: Meta's client warns of what it does not know by heart, and sends it all the same.
pytestmark = pytest.mark.filterwarnings("ignore:value of .* might not be compatible")
VERSION = "/v25.0"
FIRST, END = date(2026, 10, 1), date(2026, 11, 19)


class Graph:
    """Calls as the page, proven with the app's secret."""

    def __init__(self, http: httpx.Client, account: dict[str, str]) -> None:
        self.http, self.account, self.token = http, account, account["page_token"]

    def proof(self, token: str) -> str:
        return hmac.new(self.account["client_secret"].encode(), token.encode(), hashlib.sha256).hexdigest()

    def get(self, path: str, **params: str) -> httpx.Response:
        asked = {"access_token": self.token, "appsecret_proof": self.proof(self.token), **params}
        return self.http.get(f"{VERSION}{path}", params=asked)

    def page(self, edge: str = "", **params: str) -> httpx.Response:
        return self.get(f"/{self.account['page_id']}{edge}", **params)


@pytest.fixture
def graph(http, credentials):
    return Graph(http, credentials["facebook"])


@pytest.fixture
def client(sb, credentials):
    account = credentials["facebook"]
    session = FacebookSession(account["client_id"], account["client_secret"], account["page_token"])
    session.GRAPH = sb.url
    session.requests.trust_env = False
    yield FacebookAdsApi(session)
    session.requests.close()


def code_of(answer: httpx.Response) -> int:
    return answer.json()["error"]["code"]


def test_metas_own_client_agrees_with_the_truth(client, credentials, sb):
    page = Page(credentials["facebook"]["page_id"], api=client)
    assert page.api_get(fields=["name"])["name"] == "Halden Robotics"
    seen = Counter()
    posts = list(page.get_published_posts(fields=["id", "message", "created_time"], params={"limit": 50}))
    assert len({post["id"] for post in posts}) == len(posts) > 100
    for post in posts[:12]:
        asked = {"metric": ["post_media_view", "post_clicks_by_type"], "period": "lifetime"}
        for insight in PagePost(post["id"], api=client).get_insights(params=asked):
            value = insight["values"][0]["value"]
            seen[insight["name"]] += value.get("link clicks", 0) if isinstance(value, dict) else value
    days = page.get_insights(
        params={"metric": "page_media_view", "period": "day", "since": str(FIRST), "until": str(END)}
    )
    by_day = [each["value"] for each in days[0]["values"]]
    truth = Counter()
    for each in sb.truth(FIRST, END, "facebook")["days"]:
        truth[each["metric"]] += each["value"]
    assert sum(by_day) == truth["views"]
    assert len(by_day) == (END - FIRST).days
    assert 0 < seen["post_clicks_by_type"] <= truth["clicks"]
    assert 0 < seen["post_media_view"] <= truth["views"]


def test_metas_own_client_is_told_of_dead_metrics_and_dead_tokens(client, credentials, sb):
    page = Page(credentials["facebook"]["page_id"], api=client)
    with pytest.raises(FacebookRequestError) as caught:
        list(
            page.get_insights(
                params={"metric": "page_impressions", "period": "day", "since": "2026-11-01", "until": "2026-11-03"}
            )
        )
    assert caught.value.api_error_code() == 100
    sb.control("revoke", {"what": "facebook_grant"})
    with pytest.raises(FacebookRequestError) as caught:
        page.api_get(fields=["name"])
    assert (caught.value.api_error_code(), caught.value.api_error_subcode()) == (190, 460)


def test_one_dead_metric_fails_the_whole_request(graph, sb):
    asked = {"metric": "page_media_view,page_total_media_view_unique", "period": "day", "since": "2026-11-01"}
    assert len(graph.page("/insights", **asked, until="2026-11-08").json()["data"]) == 2
    sb.control("gone", {"metrics": ["page_media_view"]})
    answer = graph.page("/insights", **asked, until="2026-11-08")
    assert (answer.status_code, code_of(answer)) == (400, 100)
    listed = graph.page("/published_posts", fields="id,insights.metric(post_media_view)", limit="1")
    assert listed.status_code == 200
    assert set(listed.json()["data"][0]) == {"id", "insights"}


def test_a_day_ends_at_pacific_midnight(graph):
    asked = {"metric": "page_media_view", "period": "day", "since": "2026-10-31", "until": "2026-11-03"}
    [told] = graph.page("/insights", **asked).json()["data"]
    assert [value["end_time"] for value in told["values"]] == [
        "2026-11-01T07:00:00+0000",
        "2026-11-02T08:00:00+0000",
        "2026-11-03T08:00:00+0000",
    ]


def test_more_than_ninety_days_are_refused(graph):
    answer = graph.page("/insights", metric="page_media_view", period="day", since="2026-05-01", until="2026-11-01")
    assert code_of(answer) == 100


def test_only_a_missing_next_ends_the_list(graph):
    seen, after = [], ""
    for _ in range(20):
        told = graph.page("/published_posts", fields="id", limit="30", **({"after": after} if after else {})).json()
        seen += [post["id"] for post in told["data"]]
        assert told["paging"]["cursors"]["after"]
        if "next" not in told["paging"]:
            break
        after = parse_qs(urlsplit(told["paging"]["next"]).query)["after"][0]
    assert len(seen) == len(set(seen)) > 100


def test_the_proof_of_the_secret_is_checked(graph):
    assert code_of(graph.page(appsecret_proof="0" * 64)) == 100
    assert graph.page(fields="name").json()["name"] == "Halden Robotics"


def test_every_answer_says_how_much_of_the_limits_is_used(graph):
    headers = graph.page().headers
    assert "call_count" in headers["x-app-usage"]
    assert "estimated_time_to_regain_access" in headers["x-business-use-case-usage"]


def test_a_persons_token_leads_to_the_pages(graph, http):
    account = graph.account
    graph.token = account["user_token"]
    app = {"client_id": account["client_id"], "client_secret": account["client_secret"]}
    asked = {"grant_type": "fb_exchange_token", "fb_exchange_token": graph.token}
    lasting = http.get(f"{VERSION}/oauth/access_token", params=app | asked).json()
    assert timedelta(seconds=lasting["expires_in"]) == timedelta(days=60)
    assert code_of(graph.page()) == 190
    graph.token = lasting["access_token"]
    [page] = graph.get("/me/accounts", fields="id,name,access_token").json()["data"]
    graph.token = page["access_token"]
    assert graph.page(fields="name").json() == {"id": page["id"], "name": page["name"]}
    mine = f"{account['client_id']}|{account['client_secret']}"
    told = http.get(f"{VERSION}/debug_token", params={"input_token": graph.token, "access_token": mine}).json()["data"]
    assert (told["type"], told["is_valid"], told["expires_at"], told["profile_id"]) == ("PAGE", True, 0, page["id"])


def test_a_code_is_exchanged_for_a_short_token(http, credentials):
    account = credentials["facebook"]
    asked = {
        "client_id": account["client_id"],
        "redirect_uri": "http://127.0.0.1:1/back",
        "response_type": "code",
        "scope": "pages_show_list pages_read_engagement read_insights",
        "state": "s",
    }
    back = http.post(f"{VERSION}/dialog/oauth", data={**asked, "answer": "allow"})
    code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
    form = {"client_id": account["client_id"], "client_secret": account["client_secret"], "code": code}
    form |= {"grant_type": "authorization_code", "redirect_uri": asked["redirect_uri"]}
    told = http.post(f"{VERSION}/oauth/access_token", data=form).json()
    assert told["expires_in"] == 7200
    again = http.post(f"{VERSION}/oauth/access_token", data=form)
    assert code_of(again) == 100


def test_versions_that_ended_are_refused(graph, http):
    answer = http.get(f"/v18.0/{graph.account['page_id']}")
    assert code_of(answer) == 2635

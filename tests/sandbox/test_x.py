"""The sandbox's account on X in the API's own words, and X's own client, unmodified, reading it."""

import base64
import hashlib
from collections import Counter
from datetime import date
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import requests
from xdk import Client

FIRST, END = date(2026, 10, 20), date(2026, 11, 19)
FIELDS = "created_at,public_metrics,non_public_metrics,organic_metrics,entities"


class X:
    """Calls as the account's owner."""

    def __init__(self, http: httpx.Client, account: dict[str, str]) -> None:
        self.http, self.account = http, account
        self.grant = self.refresh(account["refresh_token"]).json()

    def token(self, **form: str) -> httpx.Response:
        client = (self.account["client_id"], self.account["client_secret"])
        return self.http.post("/2/oauth2/token", data=form, auth=client)

    def refresh(self, value: str) -> httpx.Response:
        return self.token(grant_type="refresh_token", refresh_token=value)

    def get(self, path: str, bearer: str = "", **params: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {bearer or self.grant['access_token']}"}
        return self.http.get(f"/2{path}", params=params, headers=headers)

    def timeline(self, **params: str) -> httpx.Response:
        return self.get(f"/users/{self.account['user_id']}/tweets", **params)


@pytest.fixture
def x(http, credentials):
    return X(http, credentials["x"])


@pytest.fixture
def client(x, sb):
    client = Client(base_url=sb.url, access_token=x.grant["access_token"])
    client.session.trust_env = False
    yield client
    client.session.close()


def numbers(told):
    """A model of the client's as plain JSON."""
    return told.model_dump() if hasattr(told, "model_dump") else told


def test_xs_own_client_agrees_with_the_truth(client, x, sb):
    assert numbers(client.users.get_me())["data"]["username"] == "haldenrobotics"
    posts = []
    for page in client.users.get_posts(
        x.account["user_id"],
        max_results=20,
        post_fields=["created_at", "public_metrics"],
        start_time="2026-08-25T00:00:00Z",
    ):
        posts += numbers(page)["data"]
    assert len({post["id"] for post in posts}) == len(posts) > 30
    told = numbers(
        client.posts.get_analytics(
            ids=[post["id"] for post in posts][:100],
            start_time=f"{FIRST}T00:00:00Z",
            end_time=f"{END}T00:00:00Z",
            granularity="daily",
            analytics_fields=["impressions", "url_clicks"],
        )
    )
    mine = Counter()
    for series in told["data"]:
        for bucket in series["timestamped_metrics"]:
            mine["impressions"] += bucket["metrics"]["impressions"]
            mine["clicks"] += bucket["metrics"]["url_clicks"]
    truth = Counter()
    for each in sb.truth(FIRST, END, "x")["days"]:
        truth[each["metric"]] += each["value"]
    assert mine == truth
    assert mine["clicks"] > 100


def test_xs_own_client_is_told_of_windows_and_credits(client, sb):
    sb.control("quota", {"xCredits": 0})
    with pytest.raises(requests.HTTPError) as caught:
        client.posts.get_by_ids(ids=["1"])
    assert caught.value.response.status_code == 402
    sb.control("quota", {"xWindow": 1})
    with pytest.raises(requests.HTTPError) as caught:
        client.users.get_me()
    assert caught.value.response.status_code == 429
    assert int(caught.value.response.headers["x-rate-limit-reset"]) > 0


def test_each_dialect_is_answered_in_its_own_names(x):
    [old] = x.timeline(max_results="5", **{"tweet.fields": FIELDS}).json()["data"][:1]
    [new] = x.timeline(max_results="5", **{"post.fields": FIELDS}).json()["data"][:1]
    assert "retweet_count" in old["public_metrics"]
    assert "repost_count" in new["public_metrics"]
    assert ("edit_history_tweet_ids" in old, "edit_history_post_ids" in new) == (True, True)
    plain = x.timeline(max_results="5", **{"tweet.fields": "nonsense"}).json()["data"][0]
    assert set(plain) == {"id", "text", "edit_history_tweet_ids"}


def test_private_numbers_end_after_thirty_days(x):
    told = x.timeline(max_results="100", **{"tweet.fields": FIELDS}).json()
    private = [post["id"] for post in told["data"] if "non_public_metrics" in post]
    assert 0 < len(private) < len(told["data"])
    assert {problem["title"] for problem in told["errors"]} == {"Field Authorization Error"}


def test_what_is_not_there_comes_as_an_error_beside_the_rest(x):
    ref = x.timeline(max_results="5").json()["data"][0]["id"]
    told = x.get("/tweets", ids=f"{ref},1").json()
    assert [post["id"] for post in told["data"]] == [ref]
    assert [problem["resource_id"] for problem in told["errors"]] == ["1"]


def test_an_empty_page_has_no_data(x):
    assert x.timeline(start_time="2026-11-19T00:00:00Z").json() == {"meta": {"result_count": 0}}


@pytest.mark.parametrize(
    ("name", "value"), [("max_results", "500"), ("start_time", "yesterday"), ("pagination_token", "!"), ("sort", "x")]
)
def test_a_parameter_out_of_bounds_is_refused(x, name, value):
    answer = x.timeline(**{name: value})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert name in answer.json()["errors"][0]["parameters"]


def test_an_apps_own_token_sees_what_everybody_sees(x, http):
    client = (x.account["api_key"], x.account["api_secret"])
    app = http.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=client).json()["access_token"]
    path = f"/users/{x.account['user_id']}/tweets"
    told = x.get(path, app, max_results="5", **{"tweet.fields": "public_metrics,non_public_metrics"}).json()
    assert all("public_metrics" in post and "non_public_metrics" not in post for post in told["data"])
    assert x.get("/users/me", app).status_code == 403
    assert x.get("/usage/tweets", app).json()["data"]["project_usage"] == "5"
    assert x.get("/usage/tweets").status_code == 403


def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_grant(x):
    again = x.refresh(x.grant["refresh_token"])
    assert again.status_code == 200
    stolen = x.refresh(x.grant["refresh_token"])
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_request")
    assert x.refresh(again.json()["refresh_token"]).status_code == 400
    assert x.get("/users/me", again.json()["access_token"]).status_code == 401


def test_a_restarted_sandbox_knows_its_refresh_tokens_again(x, sb):
    sb.reset()
    assert x.refresh(x.grant["refresh_token"]).status_code == 200


def test_consent_needs_pkce_and_its_code_lives_half_a_minute(x, http, sb):
    verifier = "v" * 64
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "client_id": x.account["client_id"],
        "redirect_uri": "http://127.0.0.1:1/back",
        "response_type": "code",
        "scope": "tweet.read users.read offline.access",
        "state": "s",
    }
    assert http.get("/i/oauth2/authorize", params=asked).status_code == 400
    asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}

    def code() -> dict[str, str]:
        back = http.post("/i/oauth2/authorize", data={**asked, "answer": "allow"}).headers["location"]
        given = parse_qs(urlsplit(back).query)["code"][0]
        form = {"grant_type": "authorization_code", "redirect_uri": asked["redirect_uri"]}
        return {**form, "code": given, "code_verifier": verifier}

    granted = x.token(**code()).json()
    assert granted["expires_in"] == 7200
    assert x.refresh(granted["refresh_token"]).status_code == 200
    assert x.token(**{**code(), "code_verifier": "w" * 64}).status_code == 400
    late = code()
    sb.control("clock", {"offset": sb.control("clock")["offset"] + 31})
    assert x.token(**late).status_code == 400

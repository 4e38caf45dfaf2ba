"""ScrapingBee's own client, unmodified, reads the sandbox at its own address, and agrees with the truth."""

import re
from collections import Counter
from datetime import date, timedelta

import pytest
from scrapingbee import ScrapingBeeClient

from tests.connectors.platforms.readers import REQUISITIONS
from tests.sandbox.vendors import at_its_own_address

HOST = "app.scrapingbee.com"
RULES = {"title": ".top-card-layout__title", "applicants": "figcaption.num-applicants__caption", "none": ".nowhere"}


@pytest.fixture
def truth(sb, today):
    told = Counter()
    for row in sb.truth(date(2020, 1, 1), today + timedelta(days=1), connected="scrapingbee")["postings"]:
        if row["metric"] == "applications":
            told[row["requisition"]] += row["value"]
    return told


@pytest.fixture
def client(sb, credentials, tmp_path, monkeypatch):
    with at_its_own_address(sb.url, HOST, folder=tmp_path, monkeypatch=monkeypatch) as door:
        yield ScrapingBeeClient(api_key=credentials["scrapingbee"]["api_key"])
        assert set(door.server_names) == {HOST}


def extracted(client, address, language="en-US"):
    params = {"render_js": False, "extract_rules": RULES}
    answer = client.html_api(address, params=params, headers={"Accept-Language": language}, timeout=60)
    assert answer.status_code == 200, answer.text
    assert (answer.headers["Spb-cost"], answer.headers["Spb-initial-status-code"]) == ("1", "200")
    return answer.json()


def test_what_it_reads_of_the_public_pages_equals_the_truth(truth, client, credentials):
    addresses = credentials["scrapingbee"]["job_addresses"].splitlines()
    kinds = Counter()
    for address in addresses:
        told = extracted(client, address)
        count = truth[REQUISITIONS[re.findall(r"\d+", address)[0]]]
        assert told["title"]
        assert told["none"] is None
        kind = "few" if count < 25 else "many" if count >= 200 else "some"
        words = {"few": "Be among the first 25 applicants", "many": "Over 200 applicants"}
        assert told["applicants"] == words.get(kind, f"{count} applicants")
        kinds[kind] += 1
    assert len(addresses) > 25
    assert set(kinds) == {"few", "some", "many"}


def test_captions_follow_the_language_that_is_forwarded(client, credentials):
    address = credentials["scrapingbee"]["job_addresses"].splitlines()[0]
    assert "applicants" in extracted(client, address)["applicants"]
    assert "applicants" not in extracted(client, address, "pt-BR")["applicants"]


def test_it_is_told_what_it_costs_and_what_is_left(client, credentials):
    address = credentials["scrapingbee"]["job_addresses"].splitlines()[0]
    assert client.html_api(address, timeout=60).headers["Spb-cost"] == "5"
    assert client.html_api(address, params={"premium_proxy": True}, timeout=60).headers["Spb-cost"] == "25"
    told = client.usage(timeout=60).json()
    assert told["used_api_credit"] < told["max_api_credit"]


def test_it_meets_refusals_of_both_sides(sb, client, credentials):
    address = credentials["scrapingbee"]["job_addresses"].splitlines()[0]
    sb.plan("/api/v1/", {"kind": "blocked"}, {"kind": "credits_gone"}, {"kind": "authwall"}, {"kind": "429_plain"})
    blocked = client.html_api(address, timeout=60)
    assert (blocked.status_code, blocked.headers["Spb-initial-status-code"]) == (500, "999")
    assert client.html_api(address, timeout=60).json() == {"message": "Monthly API calls limit reached: 1000"}
    assert "/authwall" in client.html_api(address, timeout=60).headers["Spb-resolved-url"]
    own = client.html_api(address, timeout=60)
    assert own.status_code == 429
    assert "Spb-initial-status-code" not in own.headers
    assert client.html_api(address, params={"render_js": "maybe"}, timeout=60).status_code == 400
    assert ScrapingBeeClient(api_key="wrong").usage(timeout=60).status_code == 401

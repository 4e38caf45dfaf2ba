"""Who came: people and programs told apart, a hash for a day, a country where there is a file to tell it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from actions.visitors import FILTER_REASONS, FLOOD_PER_MINUTE, Headers, Visitors, agent_of
from store.opening import Store
from store.tables import Company

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
PERSON = Headers("203.0.113.77", FIREFOX)
_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
_BLINK = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
PEOPLE = (
    FIREFOX,
    f"{_IPHONE} Version/18.0 Mobile/15E148 Safari/604.1",
    f"{_IPHONE} Mobile/15E148 [LinkedInApp]/9.29.6479",
    f"Mozilla/5.0 (Linux; Android 10; K; CUBOT X30) {_BLINK} Mobile Safari/537.36",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_BLINK} Safari/537.36 Edg/140.0.0.0",
)
PROGRAMS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; +http://www.linkedin.com)",
    "facebookexternalhit/1.1",
    "python-requests/2.31.0",
    "curl/8.5.0",
    "WhatsApp/2.23.20.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (newly made; SomeUptime/1.0; https://new.example/about)",
    "x",
    "",
)


@pytest.fixture
def database_kind() -> str:
    """Salts are tried on both databases where they are written."""
    return "sqlite"


@pytest.fixture
def visitors(store: Store) -> Visitors:
    return Visitors(lambda: store)


@pytest.mark.parametrize("agent", PEOPLE)
def test_people_count(agent: str) -> None:
    assert agent_of(agent)[1] == ""


@pytest.mark.parametrize("agent", PROGRAMS)
def test_programs_do_not_and_the_reason_has_words(agent: str) -> None:
    assert agent_of(agent)[1] in FILTER_REASONS


def test_a_visitor_is_one_for_a_day_a_site_and_an_address(visitors: Visitors, company: Company) -> None:
    def mark(site: str = "a", headers: Headers = PERSON, now: datetime = NOW) -> str:
        return visitors.see(company.id, site, headers, now=now).hash

    assert mark() == mark(now=NOW + timedelta(hours=11))
    others = [mark(now=NOW + timedelta(days=1)), mark(site="b"), mark(headers=Headers("203.0.113.78", FIREFOX))]
    others.append(mark(headers=Headers("203.0.113.77", PEOPLE[1])))
    assert len({mark(), *others}) == 5


def test_two_processes_know_the_same_visitor(store: Store, company: Company) -> None:
    first, second = (Visitors(lambda: store).see(company.id, "a", PERSON, now=NOW) for _ in range(2))
    assert first == second


def test_who_refuses_is_nobody(visitors: Visitors, company: Company) -> None:
    told = visitors.see(company.id, "a", Headers("203.0.113.77", FIREFOX, refuses=True), now=NOW)
    assert (told.hash, told.agent, told.country, told.reason) == ("", "", "", "")


def test_programs_get_no_hash(visitors: Visitors, company: Company) -> None:
    told = visitors.see(company.id, "a", Headers("203.0.113.77", "curl/8.5.0"), now=NOW)
    assert (told.hash, told.reason) == ("", "bot")


def test_more_than_a_person_sends_is_a_flood_for_that_minute(visitors: Visitors, company: Company) -> None:
    reasons = [visitors.see(company.id, "a", PERSON, now=NOW).reason for _ in range(FLOOD_PER_MINUTE + 2)]
    assert reasons == [""] * FLOOD_PER_MINUTE + ["flood", "flood"]
    assert visitors.see(company.id, "a", PERSON, now=NOW + timedelta(minutes=1)).reason == ""


@pytest.fixture
def countries(tmp_path: Path) -> Path:
    """A MaxMind file that knows two networks."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="GeoLite2-Country")
    writer.insert_network(IPSet(["203.0.113.0/24"]), {"country": {"iso_code": "NL"}})
    writer.insert_network(IPSet(["2001:db8::/32"]), {"registered_country": {"iso_code": "DE"}})
    writer.insert_network(IPSet(["198.51.100.0/24"]), {"country": {"iso_code": 7}})
    path = tmp_path / "country.mmdb"
    writer.to_db_file(str(path))
    return path


@pytest.mark.parametrize(
    ("address", "country"),
    [("203.0.113.77", "NL"), ("2001:db8:1::7", "DE"), ("198.51.100.1", ""), ("192.0.2.1", ""), ("nowhere", "")],
)
def test_a_country_is_told_where_the_file_knows_it(
    store: Store, company: Company, countries: Path, address: str, country: str
) -> None:
    visitors = Visitors(lambda: store, str(countries))
    assert visitors.see(company.id, "a", Headers(address, FIREFOX), now=NOW).country == country


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(b"no such file")])
def test_a_file_that_cannot_be_used_leaves_countries_out(
    store: Store, company: Company, countries: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(countries)
    visitors = Visitors(lambda: store, str(countries))
    assert visitors.see(company.id, "a", PERSON, now=NOW).country == ""

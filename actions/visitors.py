"""Who came, as little of it as is needed: people or programs, which browser, which country, and a hash for one day.

Neither the address nor the user agent is kept. The hash is keyed with a random salt of the company's UTC day, which is
deleted after 48 hours: then nobody can tell which visitor it was, or find a visitor's other days.
"""

import hmac
import re
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import maxminddb
import structlog
from crawleruseragents import is_crawler  # type: ignore[import-untyped]
from ua_parser import parse_user_agent

from domain.facts import day_number
from store.engine import Urgency, run_writing
from store.opening import Store
from store.writes.tracker import salt_of

#: Why an event does not count, by code: words for people.
FILTER_REASONS = {
    "bot": "Crawler or other program",
    "automated": "Browser driven by a program",
    "no_agent": "Says nothing about its browser",
    "prefetch": "Loaded ahead by a browser, not looked at",
    "origin": "Sent from a page that is not on your sites",
    "flood": "More events in a minute than a person makes",
}
#: More than this from one visitor in a minute is no person.
FLOOD_PER_MINUTE = 120
SHORTEST_AGENT = 20
_HASH_LETTERS = 22
_DRIVEN = re.compile(r"headless|phantomjs|selenium|puppeteer|playwright|webdriver|lighthouse", re.IGNORECASE)
#: What no browser that somebody looks through says of itself; newer programs than the crawler list knows do.
_PROGRAM = re.compile(
    r"https?://|\b(?:bot|crawl|spider|scan|monitor|uptime|preview|prerender|fetch)|\b(?:python|java|okhttp|axios|curl)\b",
    re.IGNORECASE,
)
_LOG = structlog.get_logger(__name__)


class Headers(NamedTuple):
    """What a request says about its sender."""

    address: str
    agent: str = ""
    purpose: str = ""
    refuses: bool = False


class Visitor(NamedTuple):
    """What is kept of a sender. `reason` is why they do not count, "" where they do.

    `hash` is "" for programs, and for who asks not to be followed: of those neither country nor browser is kept.
    """

    hash: str = ""
    agent: str = ""
    country: str = ""
    reason: str = ""


@lru_cache(maxsize=4096)
def agent_of(user_agent: str) -> tuple[str, str]:
    """Browser family with its major version, and why it does not count ("" where it does).

    >>> agent_of("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
    ('Firefox 128', '')
    >>> agent_of("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")[1], agent_of("")[1]
    ('bot', 'no_agent')
    >>> agent_of("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0")[1]
    'automated'
    """
    words = user_agent.strip()[:512]
    if not words:
        return "", "no_agent"
    found = parse_user_agent(words)
    name = f"{found.family} {found.major or ''}".strip()[:60] if found and found.family != "Other" else ""
    if _DRIVEN.search(words):
        return name, "automated"
    if is_crawler(words, case_sensitive=False) or _PROGRAM.search(words):
        return name, "bot"
    return name, "automated" if len(words) < SHORTEST_AGENT else ""


class Visitors:
    """Tells visitors apart for one process: salts by company and day, countries, and who sends too much."""

    def __init__(self, store: Callable[[], Store], maxmind_db: str = "") -> None:
        self._store = store
        self._salts: dict[tuple[uuid.UUID, int], bytes] = {}
        self._countries = _open_countries(maxmind_db)
        self._minute = -1
        self._sent: dict[str, int] = {}
        self._lock = threading.Lock()

    def knows(self, company_id: uuid.UUID, now: datetime) -> bool:
        """Whether the day's salt is at hand: then `see` asks no database."""
        return (company_id, _day(now)) in self._salts

    def see(self, company_id: uuid.UUID, site: str, headers: Headers, *, now: datetime) -> Visitor:
        """What is kept of who sent this to `site`. Makes the day's salt where nobody has yet."""
        agent, reason = agent_of(headers.agent)
        if headers.purpose:
            reason = reason or "prefetch"
        if headers.refuses:
            return Visitor(reason=reason)
        country = self._country(headers.address)
        if reason:
            return Visitor("", agent, country, reason)
        told = "\x1f".join((site, headers.address, headers.agent))
        found = hmac.digest(self._salt(company_id, now), told.encode("utf-8", "replace"), "sha256")
        mark = found.hex()[:_HASH_LETTERS]
        return Visitor(mark, agent, country, "flood" if self._is_flood(mark, now) else "")

    def _salt(self, company_id: uuid.UUID, now: datetime) -> bytes:
        day = _day(now)
        held = self._salts.get((company_id, day))
        if held is None:
            store = self._store()
            held = run_writing(
                store.engine, lambda session: salt_of(session, store.vault, company_id, day, now=now), Urgency.EVENT
            )
            # Yesterday's are forgotten here too, not only in the database.
            self._salts = {key: salt for key, salt in self._salts.items() if key[1] >= day}
            self._salts[company_id, day] = held
        return held

    def _is_flood(self, mark: str, now: datetime) -> bool:
        minute = int(now.timestamp() // 60)
        with self._lock:
            if minute != self._minute:
                self._minute, self._sent = minute, {}
            self._sent[mark] = self._sent.get(mark, 0) + 1
            return self._sent[mark] > FLOOD_PER_MINUTE

    def _country(self, address: str) -> str:
        """ISO code of an address's country, "" where nobody knows."""
        if self._countries is None:
            return ""
        try:
            found: Any = self._countries.get(address)
        except (ValueError, maxminddb.InvalidDatabaseError):
            return ""
        country = found.get("country") or found.get("registered_country") or {} if isinstance(found, dict) else {}
        code = country.get("iso_code", "") if isinstance(country, dict) else ""
        return code if isinstance(code, str) and len(code) == 2 and code.isascii() else ""


def _open_countries(path: str) -> maxminddb.Reader | None:
    if not path:
        return None
    try:
        return maxminddb.open_database(str(Path(path).expanduser()))
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        _LOG.error("the MaxMind file cannot be used: countries are left out", reason=type(error).__name__)
        return None


def _day(now: datetime) -> int:
    return day_number(now.astimezone(UTC).date())

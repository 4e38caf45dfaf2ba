"""What ScrapingBee brings back of LinkedIn's public pages, and whose refusal an answer is."""

from msgspec import Struct

from connectors.answers import Answer, platform_words
from connectors.errors import ConfigError, ConnectorError
from connectors.linkedin_captions import parse_caption
from connectors.linkedin_jobs import JobFound

#: What is taken from a page, by selector; the elements are LinkedIn's.
RULES = {
    "title": ".top-card-layout__title",
    "location": ".topcard__flavor--bullet",
    "applicants": ".num-applicants__caption",
    "closed": ".closed-job__flavor--closed",
}
#: LinkedIn's ways to refuse a visitor.
_BLOCKS = frozenset({"403", "429", "999"})


class PageBlocked(ConnectorError):
    """LinkedIn did not show the page: better proxies may help, the same ones will not."""

    default_cause = "page_blocked"


class PageGone(ConnectorError):
    """LinkedIn has no such page any more."""

    default_cause = "account_unknown"


class Usage(Struct):
    """The month's credits."""

    max_api_credit: int
    used_api_credit: int


class Shown(Struct):
    """What the selectors found on a page; None for what is not there."""

    title: str | None
    location: str | None
    applicants: str | None
    closed: str | None


def found_on(job: str, told: Shown) -> JobFound:
    """A posting with the applicants its page shows, as a number or a bound."""
    found = JobFound(job, told.title or "", told.location or "")
    caption = parse_caption(told.applicants or "")
    if caption is None or told.closed:
        return found
    return JobFound(job, found.title, found.location, caption.value, is_exact=caption.kind == "exact")


def error_in(answer: Answer) -> ConnectorError | None:
    """ScrapingBee's own refusals by message, LinkedIn's by header; None leaves the answer to the common table."""
    target = answer.headers.get("spb-initial-status-code", "")
    resolved = answer.headers.get("spb-resolved-url", "")
    if target in _BLOCKS or "/authwall" in resolved or "/checkpoint/" in resolved:
        return PageBlocked(f"LinkedIn answered {target}" + (", asks to sign in" if "/authwall" in resolved else ""))
    if target in {"404", "410"}:
        return PageGone(f"LinkedIn answered {target}")
    if answer.is_success or answer.is_page or answer.status not in {401, 402}:
        return None
    words = platform_words(answer)
    is_over = answer.status == 402 or "limit reached" in words
    return ConfigError(words, cause="credits" if is_over else "key_invalid")

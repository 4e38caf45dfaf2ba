"""What a post says of where it leads: the addresses in it, out of a network's own redirects, and their campaign."""

import re
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

from connectors.wording import clean

LONGEST_TITLE = 120
_ADDRESS = re.compile(r"https?://[^\s<>\"'{}|\\^`]+")
#: Marks that end a sentence, not an address.
_CLOSING = ".,;:!?)]»”"
#: Redirects that carry the real address in a parameter: host → parameter.
_REDIRECTS = {"l.facebook.com": "u", "lm.facebook.com": "u", "www.facebook.com": "u"}


def addresses_in(text: str) -> list[str]:
    """The http addresses in a text, in their order.

    >>> addresses_in("Join us (https://jobs.example/7). Or https://jobs.example/8!")
    ['https://jobs.example/7', 'https://jobs.example/8']
    """
    return [found.rstrip(_CLOSING) for found in _ADDRESS.findall(text)]


def straight(address: str) -> str:
    """The address a redirect leads to, or the address itself.

    >>> straight("https://l.facebook.com/l.php?u=https%3A%2F%2Fjobs.example%2F7&h=AT0")
    'https://jobs.example/7'
    >>> straight("https://jobs.example/7?u=https%3A%2F%2Felsewhere.example")
    'https://jobs.example/7?u=https%3A%2F%2Felsewhere.example'
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    name = _REDIRECTS.get(parts.netloc.casefold())
    inside = parse_qs(parts.query).get(name, [""])[0] if name and parts.path == "/l.php" else ""
    return inside if inside.startswith(("https://", "http://")) else address


def links_of(addresses: Iterable[str]) -> tuple[str, ...]:
    """The addresses as they really lead, each once, unreadable ones left out."""
    found = (clean(straight(address), 1000) for address in addresses)
    return tuple(dict.fromkeys(link for link in found if link.startswith(("https://", "http://")) and _host(link)))


def campaign_of(links: Iterable[str]) -> str:
    """The UTM campaign of the first link that has one.

    >>> campaign_of(["https://a.example/", "https://b.example/?utm_campaign=Welders%202026"])
    'Welders 2026'
    """
    campaigns = (parse_qs(urlsplit(link).query).get("utm_campaign", [""])[0] for link in links)
    return next((clean(campaign, 200) for campaign in campaigns if campaign), "")


def title_of(text: str) -> str:
    """The first line of a post, without addresses and of a sane length.

    >>> title_of("We are hiring: Welder https://t.co/x1\\nMore in the comments")
    'We are hiring: Welder'
    """
    line = next((line for line in text.splitlines() if line.strip()), "")
    return clean(_ADDRESS.sub("", line), LONGEST_TITLE)


def _host(link: str) -> str:
    try:
        return urlsplit(link).netloc
    except ValueError:
        return ""

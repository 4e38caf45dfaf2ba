"""A visit to the career site, made plain: whence it came, which page it saw, and what of an address may be kept."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from domain.platforms import BY_KEY, find_platform
from domain.text import clean_text

#: As Google Analytics spells a visit without a source, so that the two can be compared.
DIRECT = "(direct)"
KINDS = ("view", "apply_start", "apply_complete")
LONGEST_PATH = 300
LONGEST_WORD = 200
_PART = "{posting}"
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a visit came from. All empty: from another page of the same site."""

    source: str = ""
    medium: str = ""
    campaign: str = ""


def resolve_source(told: Source, referrer: str, own_hosts: frozenset[str]) -> Source:
    """The source of a page view: its UTM words, else the site that linked to it, else "(direct)".

    A platform's spellings become one, so that "Indeed.com" and "indeed" are no two sources. `referrer` is a host.

    >>> resolve_source(Source("Indeed.COM", "CPC", "Spring fair"), "", frozenset())
    Source(source='indeed', medium='cpc', campaign='Spring fair')
    >>> resolve_source(Source(), "www.linkedin.com", frozenset())
    Source(source='linkedin', medium='referral', campaign='')
    >>> resolve_source(Source(), "jobs.acme.example", frozenset({"jobs.acme.example"}))
    Source(source='', medium='', campaign='')
    >>> resolve_source(Source(), "", frozenset()).source
    '(direct)'
    """
    if told.source:
        medium, campaign = clean_text(told.medium, 100).casefold(), clean_text(told.campaign)[:LONGEST_WORD]
        return Source(plain_source(told.source), medium, campaign)
    if referrer in own_hosts:
        return Source()
    return Source(plain_source(referrer), "referral") if referrer else Source(DIRECT)


def plain_source(source: str) -> str:
    """A source in the one spelling we keep: a platform's key, else lower case without "www.".

    >>> plain_source("https://www.Indeed.com"), plain_source(" News Letter "), plain_source("de.indeed.com")
    ('indeed', 'news letter', 'indeed')
    """
    word = clean_text(source, LONGEST_WORD).casefold().removeprefix("https://").removeprefix("www.")
    found = find_platform(word)
    return found.key if found else _platform_of_host(word) or word


def _platform_of_host(host: str) -> str:
    """The platform whose host this is below: "de.indeed.com" is Indeed's, "indeed.com.evil.example" is not."""
    labels = host.split(".")
    for start in range(1, len(labels) - 1):
        found = find_platform(".".join(labels[start:]))
        if found:
            return found.key
    return ""


def plain_host(text: str) -> str:
    """A host name in lower case, "" for what is none. Neither port nor path survives.

    >>> plain_host("WWW.Example.com:443"), plain_host("a b"), plain_host("[::1]"), plain_host("x" * 300)
    ('www.example.com', '', '', '')
    """
    host = text.strip().casefold().partition(":")[0].rstrip(".")
    return host if _HOST.fullmatch(host) else ""


def plain_path(text: str) -> str:
    """The path of a page as it is kept: no query, no fragment, no trailing slash, nothing that holds an address.

    >>> plain_path("/Jobs/Nurse-7/?utm_source=x#top"), plain_path(""), plain_path("/apply/ann@x.example/2")
    ('/Jobs/Nurse-7', '/', '/apply/…/2')
    >>> plain_path("/apply/ann%40x.example")
    '/apply/…'
    """
    path = clean_text(re.split(r"[?#]", text, maxsplit=1)[0], LONGEST_PATH)
    kept = ["…" if "@" in unquote(part) else part for part in path.split("/")]
    return "/" + "/".join(kept).strip("/")


def posting_part(path: str, pattern: str) -> str:
    """What stands for the posting in a path, by a pattern such as /jobs/{posting} or /*/jobs/{posting}; "" for none.

    `*` is one part of the path. What follows the posting's part (an application form below it) does not matter.

    >>> posting_part("/jobs/nurse-7", "/jobs/{posting}"), posting_part("/jobs", "/jobs/{posting}")
    ('nurse-7', '')
    >>> posting_part("/de/jobs/nurse-7/apply", "/*/jobs/{posting}"), posting_part("/about/us", "/jobs/{posting}")
    ('nurse-7', '')
    """
    wanted, given = pattern.strip("/").split("/"), path.strip("/").split("/")
    if _PART not in wanted or len(given) < len(wanted):
        return ""
    found = ""
    for want, part in zip(wanted, given, strict=False):
        if want == _PART:
            found = part
        elif want not in {"*", part}:
            return ""
    return found


def posting_page(path: str, pattern: str) -> str:
    """The path up to and including the posting's part, "" where the pattern finds none.

    >>> posting_page("/jobs/nurse-7/apply", "/jobs/{posting}")
    '/jobs/nurse-7'
    """
    if not posting_part(path, pattern):
        return ""
    return "/" + "/".join(path.strip("/").split("/")[: len(pattern.strip("/").split("/"))])


def checked_pattern(pattern: str) -> str:
    """A path pattern as it is kept. Raises ValueError with words for the form.

    >>> checked_pattern(" jobs/{posting}/ "), checked_pattern("")
    ('/jobs/{posting}', '')
    """
    kept = "/" + clean_text(pattern, LONGEST_PATH).strip("/")
    if kept == "/":
        return ""
    parts = kept.strip("/").split("/")
    if parts.count(_PART) != 1 or any(("{" in part or "}" in part) and part != _PART for part in parts):
        raise ValueError("A path pattern holds {posting} once, as a part of its own: /jobs/{posting}.")
    return kept


def site_origin(address: str) -> str:
    """The origin of a site's address: scheme, host, and the port where it is unusual. "" for what is no site.

    Plain http is for this machine alone.

    >>> site_origin("https://Jobs.Acme.example:443/careers"), site_origin("jobs.acme.example")
    ('https://jobs.acme.example', 'https://jobs.acme.example')
    >>> site_origin("http://jobs.acme.example"), site_origin("http://127.0.0.1:8080/x")
    ('', 'http://127.0.0.1:8080')
    >>> site_origin("https://a@evil.example"), site_origin("javascript:alert(1)"), site_origin("null")
    ('', '', '')
    """
    text = address.strip()
    if not text.isprintable() or any(letter in text for letter in " \\"):
        return ""
    try:
        parsed = urlsplit(text if "://" in text else f"https://{text}")
        port = parsed.port
    except ValueError:
        return ""
    host = (parsed.hostname or "").casefold().rstrip(".")
    local = host in {"localhost", "127.0.0.1"}
    if not _HOST.fullmatch(host) or parsed.username is not None or ("." not in host and not local):
        return ""
    if parsed.scheme != "https" and not (parsed.scheme == "http" and local):
        return ""
    return f"{parsed.scheme}://{host}" + ("" if port in {None, _DEFAULT_PORTS[parsed.scheme]} else f":{port}")


def platform_of(source: str) -> str:
    """The key of the platform that a kept source names, "" for none.

    >>> platform_of("indeed"), platform_of("(direct)"), platform_of("newsletter")
    ('indeed', 'company_website', '')
    """
    if source in BY_KEY:
        return source
    found = find_platform(source)
    return found.key if found else ""

"""Links that can be counted: their words kept in one spelling, their address, and where they may lead."""

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterable
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from domain.platforms import BY_KEY
from domain.visits import site_origin

#: Letters and digits that nobody mixes up when reading a poster aloud.
SLUG_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
#: 31 ** 9 is a 45-bit number: nobody finds a link by trying.
SLUG_LENGTH = 9
LONGEST_ADDRESS = 2_000
LONGEST_CAMPAIGN = 80
_SLUG = re.compile(rf"[{SLUG_LETTERS}]{{{SLUG_LENGTH}}}")
_BOARDS = frozenset({"indeed", "ziprecruiter", "monster", "glassdoor"})
_SOCIAL = frozenset({"facebook", "x", "linkedin"})
#: What we put into a link's address ourselves; anything of that name that stood there is replaced.
_OURS = frozenset({"utm_source", "utm_medium", "utm_campaign", "utm_id"})


def plain_campaign(text: str) -> str:
    """A campaign in the one spelling we keep: lower case ASCII letters, digits and single hyphens.

    >>> plain_campaign(" Spring Fair_2026 "), plain_campaign("Frühjahr"), plain_campaign("?!")
    ('spring-fair-2026', 'fruhjahr', '')
    """
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.casefold()).strip("-")[:LONGEST_CAMPAIGN].rstrip("-")


def near_campaign(campaign: str, known: Iterable[str]) -> str:
    """A known campaign that this one is probably meant to be, "" where there is none or it is known itself.

    >>> near_campaign("springfair-2026", ["spring-fair-2026", "autumn"])
    'spring-fair-2026'
    >>> near_campaign("autumn", ["autumn"]), near_campaign("spring-2025", ["spring-2026"])
    ('', '')
    """
    others = sorted(set(known))
    if not campaign or campaign in others:
        return ""
    joined = {other.replace("-", ""): other for other in others}
    if campaign.replace("-", "") in joined:
        return joined[campaign.replace("-", "")]
    for other in difflib.get_close_matches(campaign, others, n=3, cutoff=0.88):
        # Years and numbers are told apart on purpose.
        if re.findall(r"\d+", other) == re.findall(r"\d+", campaign):
            return other
    return ""


def medium_of(platform: str) -> str:
    """The UTM medium of a platform's links.

    >>> medium_of("indeed"), medium_of("linkedin"), medium_of("referrals"), medium_of("other")
    ('job-board', 'social', 'referral', 'link')
    """
    if platform in _BOARDS:
        return "job-board"
    if platform in _SOCIAL:
        return "social"
    return {"referrals": "referral", "company_website": "website"}.get(platform, "link")


def tagged(target: str, platform: str, campaign: str, ref: str) -> str:
    """`target` with its UTM words: source and medium by platform, campaign, and `ref` (slug or code) as utm_id.

    Other parameters and the fragment stay.

    >>> tagged("https://a.example/jobs/7?lang=de&utm_source=old#form", "indeed", "spring", "abc")
    'https://a.example/jobs/7?lang=de&utm_source=indeed&utm_medium=job-board&utm_campaign=spring&utm_id=abc#form'
    """
    parts = urlsplit(target)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in _OURS]
    ours = [("utm_source", platform), ("utm_medium", medium_of(platform)), ("utm_campaign", campaign), ("utm_id", ref)]
    return urlunsplit(parts._replace(query=urlencode([*kept, *((name, value) for name, value in ours if value)])))


def is_slug(text: str) -> bool:
    """Whether this can be the slug of a tracking link.

    >>> is_slug("abcdefghj"), is_slug("ABCDEFGHJ"), is_slug("abc"), is_slug("../../../x")
    (True, False, False, False)
    """
    return _SLUG.fullmatch(text) is not None


def is_allowed(address: str, origins: Collection[str]) -> bool:
    """Whether an address leads to one of these sites (origins), and nowhere else by any spelling.

    >>> ours = ["https://jobs.acme.example"]
    >>> is_allowed("https://jobs.acme.example/nurse", ours), is_allowed("https://JOBS.acme.example:443", ours)
    (True, True)
    >>> bad = ["http://jobs.acme.example/", "//evil.example", "https://jobs.acme.example@evil.example/"]
    >>> bad += ["https://jobs.acme.example.evil.example/", "https://evil.example\\\\@jobs.acme.example/"]
    >>> bad += ["https://jobs.acme.example:8443/", "javascript:alert(1)//https://jobs.acme.example", "/x", ""]
    >>> bad += ["https://jobs.acme.example\\t.evil.example/", "https://evil.example\\n/https://jobs.acme.example"]
    >>> any(is_allowed(address, ours) for address in bad)
    False
    """
    if len(address) > LONGEST_ADDRESS or "://" not in address:
        return False
    origin = site_origin(address)
    return bool(origin) and origin in origins


def checked_platform(platform: str) -> str:
    """A platform's key. Raises ValueError for a word of somebody's own."""
    if platform not in BY_KEY:
        raise ValueError("Choose one of the platforms, so that one source does not become two.")
    return platform

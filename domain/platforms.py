"""The platforms a company hires through: stable numbers, labels, and the spellings people use for them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Platform:
    """One place where postings or traffic live. `number` is stored in fact keys and never changes."""

    number: int
    key: str
    label: str
    aliases: tuple[str, ...] = ()
    is_site: bool = False


PLATFORMS: tuple[Platform, ...] = (
    Platform(
        1,
        "company_website",
        "Company website",
        (
            "career site",
            "careers page",
            "career page",
            "careers site",
            "website",
            "company site",
            "(direct)",
            "jobs page on your website",
        ),
        is_site=True,
    ),
    Platform(2, "referrals", "Referrals", ("referral", "employee referral", "employee referrals", "referred")),
    Platform(3, "indeed", "Indeed", ("indeed.com", "indeed apply", "indeed sponsored", "indeed organic")),
    Platform(4, "ziprecruiter", "ZipRecruiter", ("zip recruiter", "ziprecruiter.com")),
    Platform(5, "monster", "Monster", ("monster.com",)),
    Platform(6, "glassdoor", "Glassdoor", ("glassdoor.com",)),
    Platform(7, "facebook", "Facebook", ("facebook.com", "fb", "m.facebook.com", "l.facebook.com")),
    Platform(8, "x", "X", ("twitter", "twitter.com", "x.com", "t.co")),
    Platform(
        9, "linkedin", "LinkedIn", ("linkedin.com", "linked in", "lnkd.in", "linkedin jobs", "linkedin limited listing")
    ),
    Platform(99, "other", "Other sources", ("agency", "other")),
)

#: Connectors that report no numbers themselves: nothing of theirs is synced, so nothing of theirs gets old.
SILENT_CONNECTORS = frozenset({"glassdoor", "indeed_job_sync", "monster", "ziprecruiter"})

BY_KEY = {platform.key: platform for platform in PLATFORMS}
BY_NUMBER = {platform.number: platform for platform in PLATFORMS}
_BY_SPELLING = {
    spelling: platform
    for platform in PLATFORMS
    for spelling in (platform.key.replace("_", " "), platform.label.casefold(), *platform.aliases)
}


def find_platform(source: str) -> Platform | None:
    """The platform that a source text (a UTM source, an applicant system's source column) names.

    Spelling, case, surrounding space and a leading "www." do not matter, nor what is added in brackets: applicant
    systems tell kinds of one source apart so. None when nobody has said so.

    >>> find_platform(" Indeed.COM ").key
    'indeed'
    >>> find_platform("Employee referral").key
    'referrals'
    >>> find_platform("LinkedIn (Ad Posting)").key, find_platform("(direct)").key
    ('linkedin', 'company_website')
    >>> find_platform("google") is None
    True
    """
    spelling = " ".join(source.casefold().replace("_", " ").split()).removeprefix("www.")
    return _BY_SPELLING.get(spelling) or _BY_SPELLING.get(spelling.partition(" (")[0])

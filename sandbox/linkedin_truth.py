"""LinkedIn's part of what the product must show: the page's days, posts by posting, and applicants of the postings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from sandbox.linkedin_story import LinkedInStory
from sandbox.model import Company

CONNECTIONS = ("linkedin_page", "lix", "enrich_layer", "scrapingbee")
#: Those who read the applicants that LinkedIn shows. However many are connected, these are the same people.
READERS = frozenset({"lix", "enrich_layer", "scrapingbee"})
PAGE_METRICS = ("impressions", "clicks")
#: Adds over nothing, so it has days but no total.
PEOPLE = "reach"
Add = Callable[[tuple[str, str], date, str | None, int], None]


def expected(connected: frozenset[str]) -> list[tuple[str, str]]:
    """Every (platform, metric) that has a total with these connections."""
    names = [("linkedin", metric) for metric in PAGE_METRICS] if "linkedin_page" in connected else []
    names += [("linkedin", "applications")] if READERS & connected and "ats" not in connected else []
    return names + ([("linkedin", "views")] if "lix" in connected else [])


def count_linkedin(company: Company, connected: frozenset[str], days: tuple[date, date], add: Add) -> None:
    """Add what LinkedIn tells of the days (half-open).

    Where the ATS is connected it says who applied: LinkedIn's own number counts who pressed Apply.
    """
    if not connected & {*CONNECTIONS}:
        return
    story, (day, end) = LinkedInStory(company), days
    day = max(day, company.season.first_day)
    while day < end:
        if "linkedin_page" in connected:
            _add_page(story, day, add)
        for posting in company.postings:
            if READERS & connected and "ats" not in connected:
                add(("linkedin", "applications"), day, posting.requisition, story.applied_on(posting, day))
            if "lix" in connected:
                add(("linkedin", "views"), day, posting.requisition, story.viewed_on(posting, day))
        day += timedelta(days=1)


def reports_clicks(company: Company, connected: frozenset[str], day: date) -> bool:
    """Whether the page reports clicks of that day, so that the career site's own from LinkedIn are hers."""
    today = LinkedInStory(company).today()
    return "linkedin_page" in connected and company.season.first_day <= day <= today


def _add_page(story: LinkedInStory, day: date, add: Add) -> None:
    if day > story.today():
        return
    add(("linkedin", PEOPLE), day, None, story.page_on(day).unique)
    for post in story.posts():
        brought = post.on(day)
        requisition = post.posting.requisition if post.posting else None
        add(("linkedin", "impressions"), day, requisition, brought.impressions)
        add(("linkedin", "clicks"), day, requisition, brought.clicks)

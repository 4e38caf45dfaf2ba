"""LinkedIn's public page of a posting, as somebody sees it who is not signed in."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sandbox import company
from sandbox.linkedin_story import SLUG, job_id
from sandbox.postings import Posting

if TYPE_CHECKING:
    from sandbox.world import World

#: From here on LinkedIn names a floor, and below the other one a ceiling.
FLOOR, CEILING = 200, 25
CAPTIONS = {
    "en": ("Be among the first 25 applicants", "{} applicants", "Over 200 applicants"),
    "pt": ("Seja um dos 25 primeiros a se candidatar", "{} candidaturas", "Mais de 200 candidaturas"),
}
_PATHS = re.compile(r"/(?:jobs/view/(?:[^/]*-)?|jobs-guest/jobs/api/jobPosting/)(\d+)/?")
_SELECTOR = re.compile(r"(?P<tag>[a-z0-9]*)(?P<classes>(?:\.[A-Za-z0-9_-]+)+)(?:@(?P<attribute>[a-z-]+))?")


@dataclass(frozen=True)
class Element:
    """A piece of the page that somebody may ask for."""

    tag: str
    classes: str
    text: str
    href: str = ""

    def fits(self, tag: str, wanted: set[str]) -> bool:
        """Whether a selector means it."""
        return tag in {"", self.tag} and wanted <= set(self.classes.split())


@dataclass(frozen=True)
class GuestPage:
    """The page as elements, in their order."""

    elements: tuple[Element, ...]

    def html(self) -> str:
        """As a browser gets it."""
        parts = [_markup(element) for element in self.elements]
        return f"<!DOCTYPE html><html><body><section class='top-card-layout'>{''.join(parts)}</section></body></html>"

    def extracted(self, rules: dict[str, object]) -> dict[str, object]:
        """What extraction rules find: a selector of classes each; null for what is not there."""
        return {name: self._first(rule) for name, rule in rules.items()}

    def _first(self, rule: object) -> str | None:
        selector = rule.get("selector") if isinstance(rule, dict) else rule
        found = _SELECTOR.fullmatch(str(selector))
        if found is None:
            return None
        wanted = set(found["classes"].split(".")) - {""}
        for element in self.elements:
            if element.fits(found["tag"], wanted):
                return element.href if found["attribute"] == "href" else element.text
        return None


WALL = GuestPage((Element("h1", "authwall-join-form__title", "Join LinkedIn"),))


def posting_at(world: World, url: str) -> Posting | None:
    """The posting whose page an address is; None for any other."""
    parts = urlsplit(url)
    found = _PATHS.fullmatch(parts.path)
    if parts.hostname not in {"www.linkedin.com", "linkedin.com"} or found is None:
        return None
    return next((each for each in world.company.postings if job_id(each) == found[1]), None)


def guest_page(world: World, posting: Posting, language: str) -> GuestPage:
    """The page in English or, for who does not ask for that, in Portuguese."""
    few, some, many = CAPTIONS["en" if language.lower().startswith("en") else "pt"]
    count = world.linkedin.applicants(posting)
    caption = few if count < CEILING else many if count >= FLOOR else some.format(count)
    elements = [
        Element("h2", "top-card-layout__title topcard__title", posting.title),
        Element(
            "a", "topcard__org-name-link", company.NAME, f"https://www.linkedin.com/company/{SLUG}?trk=public_jobs"
        ),
        Element("span", "topcard__flavor topcard__flavor--bullet", posting.location),
        Element("span", "posted-time-ago__text", "3 days ago"),
        Element("h3", "description__job-criteria-subheader", "Employment type"),
        Element("span", "description__job-criteria-text", "Full-time"),
    ]
    if posting.is_open(world.linkedin.today()):
        elements.append(Element("figcaption", "num-applicants__caption", caption))
    else:
        elements.append(Element("figcaption", "closed-job__flavor--closed", "No longer accepting applications"))
    return GuestPage(tuple(elements))


def parsed_rules(text: str) -> dict[str, object] | None:
    """Extraction rules as they came; None when they are none."""
    try:
        rules = json.loads(text)
    except ValueError:
        return None
    return rules if isinstance(rules, dict) and rules else None


def _markup(element: Element) -> str:
    link = f' href="{html.escape(element.href)}"' if element.href else ""
    return f'<{element.tag} class="{element.classes}"{link}>{html.escape(element.text)}</{element.tag}>'

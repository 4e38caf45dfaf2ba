"""Which of our postings an external posting is: the admin's rules first, then what the two have in common."""

import re
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from store.tables import JobPosting, PostingLinkRule


class Seen(Protocol):
    """A posting as a platform knows it."""

    external_ref: str
    title: str
    requisition_ref: str
    path: str
    url: str


def plain_title(title: str) -> str:
    """A title for comparing: case, punctuation, spacing and a bracketed "m/f/d" do not matter.

    >>> plain_title("Senior  Welder (m/w/d) – Night-Shift")
    'senior welder night shift'
    """
    without = re.sub(r"[(\[]\s*(?:[mwfdx]\s*[/|]\s*)+[mwfdx]\s*[)\]]", " ", title.casefold())
    return " ".join(re.findall(r"\w+", without))


def plain_path(address: str) -> str:
    """The path of an address or path, without a slash at its end, in lower case.

    >>> plain_path("https://jobs.example/Careers/Welder-7/?utm_source=x")
    '/careers/welder-7'
    >>> plain_path("")
    ''
    """
    return urlsplit(address.strip()).path.rstrip("/").casefold() if address.strip() else ""


class Linker:
    """Decides for one company. Something that two postings have in common links to neither."""

    def __init__(self, postings: Iterable[JobPosting], rules: Sequence[PostingLinkRule]) -> None:
        self._rules = sorted(rules, key=lambda rule: (rule.position, rule.created_at))
        self._by: dict[str, dict[str, set[uuid.UUID]]] = defaultdict(lambda: defaultdict(set))
        for posting in postings:
            self._enter("requisition", posting.requisition_ref.strip().casefold(), posting.id)
            self._enter("path", plain_path(posting.path), posting.id)
            self._enter("path", plain_path(posting.apply_url), posting.id)
            self._enter("slug", posting.slug.strip().casefold(), posting.id)
            self._enter("title", plain_title(posting.title), posting.id)

    def find(self, seen: Seen) -> uuid.UUID | None:
        """The posting that `seen` is, None when nothing says so."""
        for rule in self._rules:
            if _matches(rule, str(getattr(seen, rule.field))):
                return rule.posting_id
        paths = [path for path in (plain_path(seen.path), plain_path(seen.url)) if path.strip("/")]
        marks = [("requisition", seen.requisition_ref.strip().casefold())]
        marks += [("path", path) for path in paths]
        marks += [("slug", path.rsplit("/", 1)[-1]) for path in paths]
        marks += [("title", plain_title(seen.title))]
        for book, mark in marks:
            found = self._by[book].get(mark, set()) if mark else set()
            if len(found) == 1:
                return next(iter(found))
        return None

    def _enter(self, book: str, mark: str, posting_id: uuid.UUID) -> None:
        if mark.strip("/"):
            self._by[book][mark].add(posting_id)


def _matches(rule: PostingLinkRule, text: str) -> bool:
    told, pattern = text.strip().casefold(), rule.pattern.strip().casefold()
    if not pattern or not told:
        return False
    if rule.match == "equals":
        return told == pattern
    return told.startswith(pattern) if rule.match == "starts_with" else pattern in told

"""Which of our postings an external posting is: the admin's rules first, then what the two have in common."""

import re
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from domain.adverts import reference
from domain.postings import path_matcher
from store.tables import JobPosting, PostingLinkRule, TrackingLink


class Seen(Protocol):
    """A posting as a platform knows it."""

    external_ref: str
    title: str
    requisition_ref: str
    path: str
    url: str
    links: list[str]
    campaign: str


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
    """Decides for one company. Something that two postings have in common links to neither.

    What an archived posting is called leads to it only where no other posting is called so, and never its title: late
    numbers are its own, but a new opening of the same title is another one.
    """

    def __init__(
        self, postings: Iterable[JobPosting], rules: Sequence[PostingLinkRule], tracked: Iterable[TrackingLink] = ()
    ) -> None:
        self._rules = sorted(rules, key=lambda rule: (rule.position, rule.created_at))
        self._tracked = {link.slug: link.posting_id for link in tracked if link.posting_id is not None}
        self._live, self._archived = _Names(), _Names()
        for posting in postings:
            if posting.status == "archived":
                self._archived.enter(posting)
            else:
                self._live.enter(posting)
                self._live.enter_title(posting)

    def find(self, seen: Seen) -> uuid.UUID | None:
        """The posting that `seen` is, None when nothing says so, or a rule that it is none."""
        rule = self.rule_for(seen)
        if rule is not None:
            return rule.posting_id
        for link in seen.links:
            if (tracked := self._tracked.get(slug_in(link))) is not None:
                return tracked
        return self._live.find(seen) or self._archived.find(seen)

    def rule_for(self, seen: Seen) -> PostingLinkRule | None:
        """The first of the admin's rules that fits."""
        return next((rule for rule in self._rules if matches(rule.field, rule.match, rule.pattern, seen)), None)

    def is_aside(self, seen: Seen) -> bool:
        """Whether a rule says that `seen` is no posting of ours."""
        rule = self.rule_for(seen)
        return rule is not None and rule.posting_id is None


class _Names:
    """Postings by everything they may be called."""

    def __init__(self) -> None:
        self._by: dict[str, dict[str, set[uuid.UUID]]] = defaultdict(lambda: defaultdict(set))
        self._patterns: list[tuple[re.Pattern[str], uuid.UUID]] = []

    def enter(self, posting: JobPosting) -> None:
        """All but its title."""
        self._enter("requisition", posting.requisition_ref.strip().casefold(), posting.id)
        # What we published there ourselves comes back under the name we gave it.
        name = reference(posting.requisition_ref, posting.number, posting.id)
        self._enter("requisition", name.casefold(), posting.id)
        self._enter("path", plain_path(posting.path), posting.id)
        self._enter("path", plain_path(posting.apply_url), posting.id)
        self._enter("slug", posting.slug.strip().casefold(), posting.id)
        if posting.path_pattern:
            self._patterns.append((path_matcher(posting.path_pattern), posting.id))

    def enter_title(self, posting: JobPosting) -> None:
        """Its title, as far as titles are compared."""
        self._enter("title", plain_title(posting.title), posting.id)

    def find(self, seen: Seen) -> uuid.UUID | None:
        """The one posting that something of `seen` names."""
        addresses = (seen.path, seen.url, *seen.links)
        paths = [path for path in map(plain_path, addresses) if path.strip("/")]
        marks = [("requisition", seen.requisition_ref.strip().casefold())]
        marks += [("path", path) for path in paths]
        marks += [("pattern", path) for path in paths if self._patterns]
        marks += [("slug", path.rsplit("/", 1)[-1]) for path in paths]
        marks += [(book, seen.campaign.strip().casefold()) for book in ("requisition", "slug")]
        marks += [("title", plain_title(seen.title))]
        for book, mark in marks:
            found = self._fitting(mark) if book == "pattern" else self._by[book].get(mark, set()) if mark else set()
            if len(found) == 1:
                return next(iter(found))
        return None

    def _fitting(self, path: str) -> set[uuid.UUID]:
        return {posting_id for fits, posting_id in self._patterns if fits.fullmatch(path)}

    def _enter(self, book: str, mark: str, posting_id: uuid.UUID) -> None:
        if mark.strip("/"):
            self._by[book][mark].add(posting_id)


def matches(field: str, match: str, pattern: str, seen: Seen) -> bool:
    """Whether a rule's text is found in that field of `seen`, whatever the case. `link` means any of its links."""
    texts = seen.links if field == "link" else [str(getattr(seen, field))]
    wanted = pattern.strip().casefold()
    return any(_is_found(match, wanted, text.strip().casefold()) for text in texts)


def _is_found(match: str, wanted: str, told: str) -> bool:
    if not wanted or not told:
        return False
    if match == "equals":
        return told == wanted
    return told.startswith(wanted) if match == "starts_with" else wanted in told


def slug_in(link: str) -> str:
    """The slug of a tracked link, from its own address or from the `utm_id` it was redirected with; "" for others.

    >>> slug_in("https://hiring.example/l/ab3de5gh7"), slug_in("https://acme.example/jobs/7?utm_id=ab3de5gh7")
    ('ab3de5gh7', 'ab3de5gh7')
    >>> slug_in("https://acme.example/jobs/7")
    ''
    """
    parts = urlsplit(link.strip())
    *before, last = parts.path.rstrip("/").split("/")
    if before[-1:] == ["l"]:
        return last
    return next(iter(parse_qs(parts.query).get("utm_id", [])), "")

"""What makes a posting: which values its fields may have, and what follows from its days."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from domain.links import LONGEST_ADDRESS
from domain.text import clean_text
from domain.visits import LONGEST_PATH, plain_path, site_origin

STATUSES = ("open", "closed", "archived")
MOST_HIRES = 10_000
#: Fields by the name a person reads, in the order of forms and files.
LABELS: dict[str, str] = {
    "requisition_ref": "Requisition",
    "title": "Title",
    "department": "Department",
    "location": "Location",
    "recruiter": "Recruiter",
    "hiring_manager": "Hiring manager",
    "status": "Status",
    "opened_on": "Opening day",
    "closed_on": "Closing day",
    "target_hires": "Hires wanted",
    "slug": "Slug",
    "path": "Path",
    "path_pattern": "Path pattern",
    "apply_url": "Apply address",
}
#: What postings can be narrowed to.
NARROWING = ("department", "location", "recruiter", "hiring_manager")
_LENGTHS = {"title": 500, "location": 300, "path": LONGEST_PATH, "path_pattern": LONGEST_PATH}
_LENGTHS |= {"apply_url": LONGEST_ADDRESS}
_LENGTH = 200
_SLUG = re.compile(r"[^\s/?#{}*]+")


class PostingRefused(ValueError):
    """A value that makes no posting: the `field`, and the `reason` that completes "Slug …"."""

    def __init__(self, field: str, reason: str) -> None:
        self.field, self.reason = field, reason
        super().__init__(f"{LABELS.get(field, field)} {reason}.")


def checked_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of some fields as they are kept; other columns as they are. Raises PostingRefused.

    >>> checked_values({"title": " Nurse ", "path": "https://jobs.acme.example/jobs/nurse/?x=1", "slug": ""})
    {'title': 'Nurse', 'path': '/jobs/nurse', 'slug': ''}
    """
    return {name: _checked(name, value) for name, value in values.items()}


def checked_pattern(pattern: str) -> str:
    """Which pages are a posting's, as it is kept: `*` stands for any one part, or for the rest of one.

    >>> checked_pattern(" */jobs/nurse-*/ "), checked_pattern("")
    ('/*/jobs/nurse-*', '')

    Raises PostingRefused.
    """
    kept = "/" + clean_text(pattern, LONGEST_PATH).strip("/")
    if kept == "/":
        return ""
    parts = kept.strip("/").split("/")
    if any(mark in kept for mark in "{}?#") or re.search(r"\s", kept):
        raise PostingRefused("path_pattern", "is a path such as /*/jobs/nurse-*, without spaces, braces, ? and #")
    if any(part.count("*") > 1 for part in parts) or "" in parts:
        raise PostingRefused("path_pattern", "has one * in a part at most, and no empty part")
    if not any(re.search(r"\w", part) for part in parts):
        raise PostingRefused("path_pattern", "would fit every page of the site")
    return kept


def path_matcher(pattern: str) -> re.Pattern[str]:
    """What fits the paths of a pattern's pages and of whatever lies below them, whatever the case.

    >>> fits = path_matcher("/*/jobs/nurse-*").fullmatch
    >>> [bool(fits(path)) for path in ("/de/jobs/Nurse-7", "/de/jobs/nurse-7/apply", "/jobs/nurse-7", "/de/jobs/nurse")]
    [True, True, False, False]
    """
    parts = [
        "[^/]+" if part == "*" else re.escape(part).replace(r"\*", "[^/]*") for part in pattern.strip("/").split("/")
    ]
    return re.compile("/" + "/".join(parts) + "(?:/.*)?", re.IGNORECASE)


def settled(told: Mapping[str, Any], held: Mapping[str, Any] | None, today: date) -> dict[str, Any]:
    """The columns that are to be set so that what is told comes true: a status and its days follow from each other.

    `held` is the posting as it is, None for a new one; both have been checked. An open posting whose closing day is
    over closes; one that closes without a day closes today. Raises PostingRefused.

    >>> settled({"closed_on": date(2026, 3, 1)}, {"status": "open"}, date(2026, 3, 2))
    {'closed_on': datetime.date(2026, 3, 1), 'status': 'closed'}
    >>> settled({"status": "archived"}, {"status": "open"}, date(2026, 3, 2))
    {'status': 'archived', 'closed_on': datetime.date(2026, 3, 2)}
    >>> settled({"status": "open"}, {"status": "closed", "closed_on": date(2026, 3, 1)}, date(2026, 3, 2))
    {'status': 'open', 'closed_on': None}
    """
    values = dict(told)
    before = held or {}
    if held is None:
        values.setdefault("status", "open")
        if not values.get("title"):
            raise PostingRefused("title", "is missing: a posting needs a title")
    if values.get("status", before.get("status")) == "open":
        _reopen_or_close(values, told, before, today)
    if values.get("status", before.get("status")) != "open":
        _date_the_end(values, before, today)
    opened, closed = (values.get(name, before.get(name)) for name in ("opened_on", "closed_on"))
    if opened and closed and closed < opened:
        raise PostingRefused("closed_on", "lies before the opening day: a posting cannot close before it opens")
    return values


def _reopen_or_close(values: dict[str, Any], told: Mapping[str, Any], before: Mapping[str, Any], today: date) -> None:
    """An open posting whose closing day is over closes by it; one that is open again has none until it gets another."""
    if told.get("status") == "open" and not told.get("closed_on") and before.get("status", "open") != "open":
        values["closed_on"] = None
        return
    closed = values.get("closed_on", before.get("closed_on"))
    if not closed or closed >= today or "closed_on" not in told:
        return
    if told.get("status") == "open":
        raise PostingRefused("closed_on", "is over although the posting is open")
    values["status"] = "closed"


def _date_the_end(values: dict[str, Any], before: Mapping[str, Any], today: date) -> None:
    """Give a posting that is not open its closing day where it has none, or one that lies ahead."""
    opened, closed = (values.get(name, before.get(name)) for name in ("opened_on", "closed_on"))
    if closed and closed > today and closed != before.get("closed_on"):
        raise PostingRefused("closed_on", "lies ahead although the posting is closed: reopen it first")
    lies_ahead = bool(closed and closed > today and before.get("status") == "open")
    if lies_ahead or (not closed and {"status", "closed_on"} & values.keys()):
        values["closed_on"] = max(today, opened) if opened else today


def _checked(name: str, value: Any) -> Any:
    if name == "target_hires":
        if not isinstance(value, int) or not 0 <= value <= MOST_HIRES:
            raise PostingRefused(name, f"is a whole number from 0 to {MOST_HIRES:,}")
        return value
    if name == "status" and value not in STATUSES:
        raise PostingRefused(name, "is a word we do not know: open, closed or archived")
    if not isinstance(value, str):
        return value
    longest = _LENGTHS.get(name, _LENGTH) if name in LABELS else 1000
    if len(value.strip()) > longest:
        raise PostingRefused(name, f"has at most {longest} letters")
    return _TEXTS[name](value) if name in _TEXTS else clean_text(value, longest)


def _title(text: str) -> str:
    title = clean_text(text, _LENGTHS["title"])
    if not title:
        raise PostingRefused("title", "is missing: a posting needs a title")
    return title


def _slug(text: str) -> str:
    slug = clean_text(text, _LENGTH)
    if slug and not _SLUG.fullmatch(slug):
        raise PostingRefused("slug", "is one part of an address, such as staff-nurse: without spaces, slashes, ? and #")
    return slug


def _path(text: str) -> str:
    told = clean_text(text, LONGEST_ADDRESS)
    if not told:
        return ""
    if re.search(r"\s", told):
        raise PostingRefused("path", "is written without spaces, such as /jobs/staff-nurse")
    if "*" in told or "{" in told:
        raise PostingRefused("path", "names one page; write what several pages have in common as the path pattern")
    path = plain_path(re.sub(r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*", "", told))
    if path == "/":
        raise PostingRefused("path", "leads to the whole site: name the posting's own page")
    return path


def _address(text: str) -> str:
    address = clean_text(text, LONGEST_ADDRESS)
    if address and not site_origin(address).startswith("https://"):
        raise PostingRefused("apply_url", "is an https address, such as https://jobs.acme.example/apply/7")
    return address


_TEXTS = {"title": _title, "slug": _slug, "path": _path, "path_pattern": checked_pattern, "apply_url": _address}

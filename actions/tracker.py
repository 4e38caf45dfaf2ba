"""Set the career-site tracker up, and keep what it hears."""

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlmodel import Session

from actions.gathering import gathering
from actions.viewer import NotFound, Viewer, deed, require_admin
from actions.visitors import Visitor
from domain.text import clean_text, key_text
from domain.visits import (
    LONGEST_WORD,
    Source,
    checked_pattern,
    plain_host,
    plain_path,
    posting_page,
    posting_part,
    resolve_source,
    site_origin,
)
from store.engine import Urgency
from store.opening import Store
from store.reports.tracker import TrackedSite, find_tracked_site, list_heard_origins
from store.tables.columns import new_id
from store.writes.audit import append_audit
from store.writes.tracked_names import resolve_names
from store.writes.tracker import find_site, insert_events, save_site

KEY_BYTES = 12
MOST_ORIGINS = 50
#: A change of settings or a new posting is known everywhere after so many seconds.
CACHE_SECONDS = 5.0
#: So long the old answer does while one asker looks again.
GRACE_SECONDS = 1.0
_MOST_CACHED = 1_000
_MOST_WORDS = 4_096


class TrackedEvent(NamedTuple):
    """One event as a page tells it; nothing of it is believed."""

    kind: str
    path: str
    referrer: str = ""
    source: str = ""
    medium: str = ""
    campaign: str = ""
    link: str = ""
    posting: str = ""
    application: str = ""


def save_tracker(store: Store, viewer: Viewer, sites: Sequence[str], pattern: str, *, now: datetime) -> None:
    """Keep from which sites the tracker is heard, and how a path names a posting. The first time makes the site's key.

    Raises NotAllowed, and ValueError with words for the form.
    """
    require_admin(store, viewer, "tracker.save", now=now)
    origins = checked_origins(sites)
    settings: dict[str, object] = {"origins": origins, "path_pattern": checked_pattern(pattern)}
    with store.writing(Urgency.EVENT) as session:
        held = find_site(session, viewer.company_id)
        kept = {**held.settings, **settings} if held else settings
        save_site(session, viewer.company_id, secrets.token_urlsafe(KEY_BYTES), kept, now=now)
        append_audit(session, deed(viewer, "tracker.save", sites=origins, pattern=settings["path_pattern"]), now=now)


def switch_tracker(store: Store, viewer: Viewer, *, is_on: bool, now: datetime) -> None:
    """Switch the tracker on or off; off, nothing is kept. Raises NotAllowed, and NotFound before it was set up."""
    require_admin(store, viewer, "tracker.switch", now=now)
    with store.writing(Urgency.EVENT) as session:
        site = find_site(session, viewer.company_id)
        if site is None:
            raise NotFound("The tracker is not set up yet.")
        site.disabled_at = None if is_on else site.disabled_at or now
        session.add(site)
        append_audit(session, deed(viewer, "tracker.switch", on=is_on), now=now)


def checked_origins(sites: Sequence[str]) -> list[str]:
    """Origins of the sites' addresses, in order, each once. Raises ValueError naming the first that is none.

    >>> checked_origins(["jobs.acme.example/careers", " https://acme.example ", ""])
    ['https://acme.example', 'https://jobs.acme.example']
    """
    told = [site.strip() for site in sites if site.strip()]
    wrong = next((site for site in told if not site_origin(site)), "")
    if wrong:
        raise ValueError(f"{wrong[:100]} is not the address of a site. Write it like https://jobs.acme.example.")
    if not told:
        raise ValueError("Name at least one site, such as https://jobs.acme.example.")
    found = sorted({site_origin(site) for site in told})
    if len(found) > MOST_ORIGINS:
        raise ValueError(f"At most {MOST_ORIGINS} sites can be named.")
    return found


class Sites:
    """The tracked sites as this process remembers them, for a few seconds. Unknown keys are remembered too."""

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store
        self._known: dict[str, tuple[float, TrackedSite | None]] = {}
        self._origins: tuple[float, frozenset[str]] = (0.0, frozenset())
        self._found: dict[str, float] = {}
        self._finding = threading.Lock()

    def recall(self, key: str) -> tuple[bool, TrackedSite | None]:
        """Whether the key's site is remembered, and the site.

        When its time is over, one asker is sent to `find`; the others make do with what was known until that is back,
        for a site with thousands of postings takes a while to read.
        """
        held = self._known.get(key)
        if held is None:
            return False, None
        now = time.monotonic()
        if held[0] < now:
            self._known[key] = (now + GRACE_SECONDS, held[1])
            return False, None
        return True, held[1]

    def find(self, key: str) -> TrackedSite | None:
        """The site with this key, from the database; None for an unknown one. Many who ask at once share one look."""
        asked = time.monotonic()
        with self._finding:
            if self._found.get(key, -1.0) >= asked:
                return self._known[key][1]
            with self._store().reading() as session:
                site = find_tracked_site(session, key)
            now = time.monotonic()
            if len(self._known) >= _MOST_CACHED:
                self._known.clear()
                self._found.clear()
            self._known[key], self._found[key] = (now + CACHE_SECONDS, site), now
            return site

    def recall_origin(self, origin: str) -> bool | None:
        """Whether some company's tracker is heard from this origin; None where that must be looked up, by one."""
        until, origins = self._origins
        now = time.monotonic()
        if until < now:
            if until:
                self._origins = (now + GRACE_SECONDS, origins)
            return None
        return origin in origins

    def find_origin(self, origin: str) -> bool:
        """The same from the database."""
        with self._store().reading() as session:
            origins = list_heard_origins(session)
        self._origins = (time.monotonic() + CACHE_SECONDS, origins)
        return origin in origins


async def keep_event(
    site: TrackedSite, told: TrackedEvent, visitor: Visitor, *, now: datetime, foreign: str = ""
) -> None:
    """Keep an event; returns once it is on the disk. `foreign` is an origin that is not the company's: never counted.

    Raises NotStored.
    """
    await gathering().put(write_events, row_of(site, told, visitor, now=now, foreign=foreign))


def row_of(
    site: TrackedSite, told: TrackedEvent, visitor: Visitor, *, now: datetime, foreign: str = ""
) -> dict[str, Any]:
    """The event's row; `name` in it is the link or referral code that its visitor came by, resolved when written."""
    path, page, part = _page_of(told.path, site.pattern)
    referrer = _host_of(told.referrer)
    # Who asks not to be followed is counted, and nothing else.
    is_anonymous = not visitor.hash and not visitor.reason
    named = Source(told.source, told.medium, told.campaign)
    source = Source() if is_anonymous else _source_of(named, referrer, site.hosts)
    return {
        "id": new_id(),
        "company_id": site.company_id,
        "at": now,
        "kind": told.kind,
        "posting_id": site.find_posting(clean_text(told.posting), page, part, path),
        "path": path,
        "source": source.source,
        "medium": source.medium,
        "campaign": source.campaign,
        "referrer_host": plain_host(foreign.partition("://")[2]) if foreign else referrer if visitor.hash else "",
        "visitor": visitor.hash,
        "country": visitor.country,
        "agent": visitor.agent,
        "filtered_reason": visitor.reason or ("origin" if foreign else ""),
        "application_ref": key_text(told.application) if told.kind == "apply_complete" else "",
        "link_id": None,
        "referral_id": None,
        "name": "" if is_anonymous else clean_text(told.link, LONGEST_WORD),
    }


@lru_cache(maxsize=_MOST_WORDS)
def _page_of(told: str, pattern: str) -> tuple[str, str, str]:
    """A path as it is kept, the posting's page in it, and the posting's part. A site has few pages and many visits."""
    path = plain_path(told)
    return path, posting_page(path, pattern), posting_part(path, pattern)


_host_of = lru_cache(maxsize=_MOST_WORDS)(plain_host)
_source_of = lru_cache(maxsize=_MOST_WORDS)(resolve_source)


def write_events(session: Session, rows: Sequence[dict[str, Any]]) -> list[None]:
    """Rows of `row_of`, written in the gathering's transaction."""
    resolve_names(session, rows)
    insert_events(session, rows)
    return [None] * len(rows)

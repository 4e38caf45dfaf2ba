"""Short addresses, /l/{slug} of a tracking link: counted, then sent on, never elsewhere."""

import anyio.to_thread
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from actions.gathering import NotStored
from actions.links import keep_click
from actions.running import StoreUnavailable, running_store
from actions.visitors import Visitors
from api.plain_pages import notice
from api.tracker import require_measure, sender_of
from domain.links import is_allowed, is_slug, tagged
from settings import current
from store.errors import StoreError
from store.reports.links import Leads, find_link
from store.tables.columns import utc_now

_LOG = structlog.get_logger(__name__)
#: The site we send people to learns from us whence they came, not from their browser; nobody may keep the answer.
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}


class _Visitors:
    """This process's visitors, made when the first link is followed."""

    found: Visitors | None = None


async def follow_link(request: Request) -> Response:
    """GET /l/{slug}: 302 to the link's target with its UTM words; 404 for no link, 410 for one switched off."""
    slug = request.path_params["slug"]
    return await _follow(request, slug if is_slug(slug) else "")


async def _follow(request: Request, name: str) -> Response:
    try:
        headers = sender_of(request.scope, _headers(request))
        require_measure(headers.address)
        leads = await anyio.to_thread.run_sync(lambda: _found(name)) if name else None
    except HTTPException as error:
        return notice("Too many visits", "Please try again in a minute.", error.status_code, dict(error.headers or {}))
    except (StoreUnavailable, StoreError):
        return notice("Just a moment", "This link cannot be followed right now. Please try again.", 503)
    if leads is None:
        return notice("No such link", "Please check the address: it may have been cut off.", 404)
    # A target may have been allowed once: what counts is where links may lead now.
    if leads.is_gone or not is_allowed(leads.target_url, leads.origins):
        return notice("This link has ended", "The opening it led to is no longer advertised here.", 410)
    if request.method == "GET":
        await count_click(request, leads)
    target = tagged(leads.target_url, leads.platform, leads.campaign, name)
    return RedirectResponse(target, 302, dict(_HEADERS))


def _found(slug: str) -> Leads | None:
    with running_store().reading() as session:
        return find_link(session, slug)


async def count_click(request: Request, leads: Leads) -> None:
    """Keep the click. A visitor is sent on even where it cannot be kept: the number is ours, the way is theirs."""
    now = utc_now()
    visitors = _Visitors.found = _Visitors.found or Visitors(running_store, current().maxmind_db)
    headers = sender_of(request.scope, _headers(request))
    try:
        visitor = await anyio.to_thread.run_sync(lambda: visitors.see(leads.company_id, "links", headers, now=now))
        referrer = request.headers.get("referer", "").partition("://")[2].partition("/")[0]
        await keep_click(leads, visitor, referrer, now=now)
    except (NotStored, StoreUnavailable, StoreError, TimeoutError) as error:
        _LOG.warning("a click was not kept", reason=type(error).__name__)


def _headers(request: Request) -> dict[bytes, str]:
    return {name: value.decode("latin-1") for name, value in request.scope["headers"]}


LINK_ROUTES = [Route("/{slug}", follow_link, methods=["GET", "HEAD"])]

"""Short addresses: /l/{slug} of a tracking link and /r/{code} of a referral. Counted, then sent on, never elsewhere."""

from collections.abc import Callable

import anyio.to_thread
import structlog
from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from actions.gathering import NotStored
from actions.links import keep_click
from actions.running import StoreUnavailable, running_store
from actions.visitors import Visitors
from api.tracker import require_measure, sender_of
from domain.links import is_allowed, is_slug, tagged
from domain.text import clean_text
from settings import current
from store.errors import StoreError
from store.reports.links import Leads, find_link, find_referral
from store.tables.columns import utc_now

LONGEST_CODE = 64
_LOG = structlog.get_logger(__name__)
#: The site we send people to learns from us whence they came, not from their browser; nobody may keep the answer.
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>{title}</title><style>body{{font:1.1rem/1.5 system-ui;max-width:32rem;margin:20vh auto;padding:0 1.5rem;"
    "color-scheme:light dark;background:Canvas;color:CanvasText}}</style><h1>{title}</h1><p>{words}</p></html>"
)
_Find = Callable[[Session, str], Leads | None]


class _Visitors:
    """This process's visitors, made when the first link is followed."""

    found: Visitors | None = None


async def follow_link(request: Request) -> Response:
    """GET /l/{slug}: 302 to the link's target with its UTM words; 404 for no link, 410 for one switched off."""
    slug = request.path_params["slug"]
    return await _follow(request, find_link, slug if is_slug(slug) else "")


async def follow_referral(request: Request) -> Response:
    """GET /r/{code}: 302 to the referral's posting with the code; 404 for no referral, 410 for a closed posting."""
    code = request.path_params["code"]
    is_plain = len(code) <= LONGEST_CODE and clean_text(code) == code
    return await _follow(request, find_referral, code if is_plain else "")


async def _follow(request: Request, find: _Find, name: str) -> Response:
    try:
        headers = sender_of(request.scope, _headers(request))
        require_measure(headers.address)
        leads = await anyio.to_thread.run_sync(lambda: _found(find, name)) if name else None
    except HTTPException as error:
        return _page(error.status_code, "Too many visits", "Please try again in a minute.", dict(error.headers or {}))
    except (StoreUnavailable, StoreError):
        return _page(503, "Just a moment", "This link cannot be followed right now. Please try again.", {})
    if leads is None:
        return _page(404, "No such link", "Please check the address: it may have been cut off.", {})
    # A target may have been allowed once: what counts is where links may lead now.
    if leads.is_gone or not is_allowed(leads.target_url, leads.origins):
        return _page(410, "This link has ended", "The opening it led to is no longer advertised here.", {})
    if request.method == "GET":
        await _count(request, leads)
    target = tagged(leads.target_url, leads.platform, leads.campaign, name)
    return RedirectResponse(target, 302, dict(_HEADERS))


def _found(find: _Find, name: str) -> Leads | None:
    with running_store().reading() as session:
        return find(session, name)


async def _count(request: Request, leads: Leads) -> None:
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


def _page(status: int, title: str, words: str, more: dict[str, str]) -> Response:
    return HTMLResponse(_PAGE.format(title=title, words=words), status, _HEADERS | more)


LINK_ROUTES = [Route("/{slug}", follow_link, methods=["GET", "HEAD"])]
REFERRAL_ROUTES = [Route("/{code}", follow_referral, methods=["GET", "HEAD"])]

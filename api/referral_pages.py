"""Pages of people who were recommended: /r/{code} shows the posting, /r/{code}/apply leads to it, and two more let them
say that it is not them, or that they want no more messages."""

from collections.abc import Callable
from datetime import datetime
from html import escape
from typing import NamedTuple
from zoneinfo import ZoneInfo

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from actions import opting_out
from actions.running import StoreUnavailable, running_store
from api.guessing import Guesses
from api.links import count_click
from api.plain_pages import notice, page
from api.tracker import require_measure
from domain.letters import clean_line
from domain.links import is_allowed, tagged
from domain.referrals import last_day
from domain.text import clean_text
from store.errors import StoreError
from store.opening import Store
from store.reports.landing import Landing, find_landing
from store.tables.columns import utc_now

LONGEST_CODE = 64
LONGEST_TITLE = 500
_GUESSES = Guesses()
#: Nobody's code: looked up for what cannot be one, so that such a miss takes as long as any other.
NOBODY = "-"
_ENDED = {
    "closed": "The opening it led to is no longer advertised. Ask whoever sent you the link for another one.",
    "expired": "It was good for a limited time, which has passed. Ask whoever sent it for a new one.",
    "withdrawn": "It was taken back. Ask whoever sent it whether the opening is still there.",
}


class _Question(NamedTuple):
    """What a page asks before it does anything: its title, its words, and its button's."""

    title: str
    words: str
    label: str


async def show_landing(request: Request) -> Response:
    """GET /r/{code}: the posting, who recommends it, and what is kept. 404 for no code, 410 for one that is over, 429
    for who tries codes. Looking at it is no click: programs that check mails look at every address."""
    found = await _find(request)
    return found if isinstance(found, Response) else _landing_page(found)


async def follow_landing(request: Request) -> Response:
    """GET /r/{code}/apply: 302 to the posting with the code and its UTM words, counted as a click but for HEAD. Answers
    as the page does where there is no way on."""
    found = await _find(request)
    if isinstance(found, Response):
        return found
    if not _leads_on(found):
        return _over("closed")
    if request.method == "GET":
        await count_click(request, found.leads)
    target = tagged(found.leads.target_url, "referrals", found.leads.campaign, found.code)
    return RedirectResponse(target, 302, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


async def ask_not_me(request: Request) -> Response:
    """/r/not-me/{token}: GET asks, for programs follow addresses in mails; POST ends the referral and forgets them."""
    return await _ask(
        request,
        opting_out.decline,
        _Question(
            "This is not me",
            "Press the button and your name and e-mail address are deleted from this recommendation. Nobody can have "
            "an invitation sent to the address from here any more.",
            "Delete them",
        ),
        "Your name and e-mail address are deleted from this recommendation. We will not write to you again.",
    )


async def ask_to_stop(request: Request) -> Response:
    """/r/stop/{token}: GET asks; POST, also the one-click one of mail programs (RFC 8058), stops all invitations."""
    return await _ask(
        request,
        opting_out.stop,
        _Question(
            "No more messages",
            "Press the button and nobody can have an invitation sent to your e-mail address from here any more.",
            "No more messages",
        ),
        "We will not write to you again.",
    )


async def _find(request: Request) -> Landing | Response:
    """The code's landing where it is a live one, else the answer that says what it is."""
    address = _address(request)
    if (flood := _flood(address)) is not None:
        return flood
    if seconds := _GUESSES.wait(address):
        return _too_many(seconds)
    code = request.path_params["code"]
    is_plain = len(code) <= LONGEST_CODE and clean_text(code) == code
    try:
        found = await anyio.to_thread.run_sync(lambda: _looked_up(code if is_plain else NOBODY))
    except (StoreUnavailable, StoreError):
        return notice("Just a moment", "This link cannot be followed right now. Please try again.", 503)
    if found is None:
        if seconds := _GUESSES.miss(address):
            return _too_many(seconds)
        return notice("No such link", "Please check the address: it may have been cut off.", 404)
    return _over(found.ended) if found.ended else found


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _flood(address: str) -> Response | None:
    """The answer for an address that asks more in a minute than any link is followed; None for any other."""
    try:
        require_measure(address)
    except HTTPException as error:
        return notice("Too many visits", "Please try again in a minute.", error.status_code, dict(error.headers or {}))
    return None


def _looked_up(code: str) -> Landing | None:
    with running_store().reading() as session:
        return find_landing(session, code, now=utc_now())


def _leads_on(landing: Landing) -> bool:
    """A target may have been allowed once: what counts is where links may lead now."""
    return is_allowed(landing.leads.target_url, landing.leads.origins)


def _landing_page(landing: Landing) -> Response:
    title = clean_line(landing.title, LONGEST_TITLE) or f"Openings at {landing.company}"
    facts = " · ".join(part for part in (landing.department, landing.location, landing.employment) if part)
    parts = [
        f'<p class="pale"><bdi>{escape(landing.company)}</bdi></p>',
        f"<h1>{_text(title)}</h1>",
        f'<p class="pale">{_text(facts)}</p>' if facts else "",
        f"<p>{_recommended(landing)}</p>",
        _way_on(landing),
        f'<h2>About it</h2><div class="text">{_text(landing.description)}</div>' if landing.description else "",
        f'<h2>What is kept</h2><p class="pale">{_kept(landing)}</p>',
    ]
    return page(f"{title} · {landing.company}", "".join(parts))


def _way_on(landing: Landing) -> str:
    if not _leads_on(landing):
        return "<p><strong>There is no way to apply online right now.</strong> Please come back later.</p>"
    label = "See it and apply" if landing.title else "See the openings"
    return f'<p><a class="go" href="/r/{escape(landing.code)}/apply" rel="nofollow">{label}</a></p>'


def _recommended(landing: Landing) -> str:
    company = f"<bdi>{escape(landing.company)}</bdi>"
    if not landing.referrer:
        return f"Somebody who works at {company} recommends it to you."
    referrer = f"<strong><bdi>{escape(landing.referrer)}</bdi></strong>"
    if landing.names_somebody:
        return f"{referrer} works at {company} and recommends you for this opening."
    return f"{referrer} works at {company} and recommends {'this opening' if landing.title else 'working there'}."


def _kept(landing: Landing) -> str:
    """What we know of who looks at the page, in words that hold for what is really stored."""
    company = f"<bdi>{escape(landing.company)}</bdi>"
    clicks = (
        "When you go on to apply, it is counted that somebody did, without your address, and without cookies. If you "
        f"apply, {company} sees that you came by this recommendation, and how your application goes on."
    )
    if not landing.names_somebody:
        return clicks
    day = _day(landing.expires_at, landing.time_zone)
    until = f"after {day}" if day else "later"
    return (
        f"{company} has your name and e-mail address from who recommends you. They are kept encrypted, seen only by "
        f"them and by the people who hire, and deleted {until} unless you apply. {clicks}"
    )


def _day(at: datetime | None, zone: str) -> str:
    if at is None:
        return ""
    day = last_day(at, ZoneInfo(zone))
    return f"{day.day} {day:%B %Y}"


async def _ask(request: Request, act: Callable[..., bool], question: _Question, thanks: str) -> Response:
    """The question, or on POST the deed and thanks: the same ones for tokens that nobody was sent."""
    # Else browsers would not say that the form was sent from here.
    same_site = {"Referrer-Policy": "same-origin"}
    if request.method != "POST":
        form = f'<form method="post"><button class="go">{escape(question.label)}</button></form>'
        inner = f"<h1>{escape(question.title)}</h1><p>{escape(question.words)}</p>{form}"
        return page(question.title, inner, 200, same_site)
    if (flood := _flood(_address(request))) is not None:
        return flood
    token = request.path_params["token"]
    try:
        await anyio.to_thread.run_sync(lambda: _acted(act, token))
    except (StoreUnavailable, StoreError, TimeoutError):
        return notice("Just a moment", "This did not work right now. Please try again.", 503, {"Retry-After": "5"})
    return notice("Thank you", thanks)


def _acted(act: Callable[..., bool], token: str) -> bool:
    store: Store = running_store()
    return act(store, token, now=utc_now())


def _over(reason: str) -> Response:
    return notice("This link has ended", _ENDED[reason], 410)


def _too_many(seconds: int) -> Response:
    return notice("Too many tries", "Please try again in a minute.", 429, {"Retry-After": str(seconds)})


def _text(words: str) -> str:
    """Text in its own direction."""
    return f'<bdi dir="auto">{escape(words)}</bdi>'


REFERRAL_ROUTES = [
    Route("/not-me/{token}", ask_not_me, methods=["GET", "HEAD", "POST"]),
    Route("/stop/{token}", ask_to_stop, methods=["GET", "HEAD", "POST"]),
    Route("/{code}", show_landing, methods=["GET", "HEAD"]),
    Route("/{code}/apply", follow_landing, methods=["GET", "HEAD"]),
]

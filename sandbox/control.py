"""The control API under /_ctl: credentials, the truth, the fault plan, the log and the clock. Loopback only."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from sandbox import ats, company, hooks, monster, visitors, ziprecruiter
from sandbox.company import ATS_SOURCES, CAREERS_PATH, SOURCE_PLATFORMS
from sandbox.deliveries import BadDeliveryError, Order, deliver
from sandbox.faults import BadPlanError
from sandbox.ga4 import account_view
from sandbox.linkedin_account import KEYS
from sandbox.linkedin_account import credentials as linkedin_credentials
from sandbox.postings import Posting
from sandbox.recommended import recommendations
from sandbox.truth import BY_DEFAULT, CONNECTIONS, Question, truth
from sandbox.world import World

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# What can be taken back for good (until it is given back or the sandbox is reset).
GRANTS = {
    "google_service_account",
    "google_refresh",
    "google_client",
    "google_service",
    "google_permission",
    "indeed_client",
    "indeed_grant",
    "linkedin_client",
    "linkedin_grant",
    *KEYS.values(),
    "facebook_grant",
    "facebook_metadata",
    "x_client",
    "x_grant",
    "ziprecruiter_key",
    "monster_password",
}
# Access tokens, which end at once but can be had anew.
ACCESS = {"google_access": "google", "indeed_access": "indeed", "linkedin_access": "linkedin", "x_access": "x"}
Handler = Callable[[Request], Awaitable[Response]]


class BadOrderError(ValueError):
    """A control request that cannot be followed."""


def routes(world: World) -> list[Mount]:
    """Everything under /_ctl."""
    control = Control(world)
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/credentials", control.credentials),
        ("GET", "/postings", control.postings),
        ("GET", "/ats.csv", control.ats_csv),
        ("GET", "/ats.xlsx", control.ats_xlsx),
        ("GET", "/truth", control.truth),
        ("GET", "/plan", control.show_plan),
        ("POST", "/plan", control.add_plan),
        ("DELETE", "/plan", control.clear_plan),
        ("GET", "/log", control.show_log),
        ("DELETE", "/log", control.clear_log),
        ("GET", "/clock", control.show_clock),
        ("POST", "/clock", control.set_clock),
        ("POST", "/revoke", control.revoke),
        ("POST", "/quota", control.set_quota),
        ("POST", "/gone", control.gone),
        ("POST", "/deliver", control.deliver),
        ("GET", "/boards", control.show_boards),
        ("GET", "/hooks", control.show_hooks),
        ("POST", "/hooks", control.check_hooks),
        ("POST", "/happen", control.happen),
        ("GET", "/referrals", control.referrals),
        ("GET", "/visits", control.visits),
        ("POST", "/visit", control.visit),
        ("POST", "/reset", control.reset),
    ]
    return [Mount("/_ctl", routes=[Route(path, _local(handler), methods=[method]) for method, path, handler in table])]


def _local(handler: Handler) -> Handler:
    async def serve(request: Request) -> Response:
        peer = request.client.host if request.client else ""
        if not peer or not ipaddress.ip_address(peer).is_loopback:
            return JSONResponse({"error": "the control API answers on loopback only"}, 403)
        try:
            return await handler(request)
        except (BadOrderError, BadPlanError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return serve


class Control:
    """The handlers, each a few lines over the world."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def credentials(self, _request: Request) -> Response:
        """What an admin types into the forms."""
        account = self.world.account
        return JSONResponse(
            {
                "company": {"name": company.NAME, "time_zone": company.ZONE.key},
                "ga4": {
                    **account_view(self.world),
                    "careers_path": CAREERS_PATH,
                    "time_zone": company.PROPERTY_ZONE.key,
                    "source_platforms": SOURCE_PLATFORMS,
                },
                "indeed": {
                    "client_id": account.indeed_client_id,
                    "client_secret": account.indeed_client_secret,
                    "employer_id": account.employer_id,
                    "time_zone": company.INDEED_ZONE.key,
                },
                "ziprecruiter": ziprecruiter.account_view(self.world),
                "monster": monster.account_view(self.world),
                **linkedin_credentials(self.world),
                **self.world.social.credentials(),
                "ats": {
                    "sources": {text: platform for platform, texts in ATS_SOURCES.items() for text in texts},
                    "time_zone": company.ZONE.key,
                },
                "history": {
                    "first_day": self.world.company.season.first_day.isoformat(),
                    "outage": [day.isoformat() for day in self.world.company.season.outage],
                },
            }
        )

    async def postings(self, _request: Request) -> Response:
        """All postings of the company."""
        return JSONResponse([_posting(posting) for posting in self.world.company.postings])

    async def ats_csv(self, _request: Request) -> Response:
        """The ATS export as CSV."""
        text = await run_in_threadpool(ats.as_csv, self.world.company)
        return Response(text, media_type="text/csv; charset=utf-8", headers=_attachment("csv"))

    async def ats_xlsx(self, _request: Request) -> Response:
        """The ATS export as a workbook."""
        book = await run_in_threadpool(ats.as_xlsx, self.world.company)
        return Response(book, media_type=XLSX, headers=_attachment("xlsx"))

    async def truth(self, request: Request) -> Response:
        """GET /truth?from=&to=&connected=: from inclusive, to exclusive; the whole story without them."""
        story = self.world.company
        names = request.query_params.get("connected", ",".join(BY_DEFAULT)).split(",")
        connected = frozenset(name for name in names if name)
        if not connected <= set(CONNECTIONS):
            raise BadOrderError(f"connected is a list of {', '.join(CONNECTIONS)}")
        today = max(story.company_today(), story.property_today())
        first = _day(request.query_params.get("from"), story.season.first_day - timedelta(days=1))
        end = _day(request.query_params.get("to"), today + timedelta(days=1))
        question = Question(story, first, end, connected, self.world.heard_until)
        answer = await run_in_threadpool(truth, question)
        return JSONResponse(answer)

    async def show_plan(self, _request: Request) -> Response:
        """The fault plan."""
        return JSONResponse(self.world.plan.view())

    async def add_plan(self, request: Request) -> Response:
        """Add a script to the fault plan."""
        return JSONResponse(vars(self.world.plan.add(await _order(request))), 201)

    async def clear_plan(self, _request: Request) -> Response:
        """No more faults."""
        self.world.plan.clear()
        return Response(status_code=204)

    async def show_log(self, _request: Request) -> Response:
        """Every request since the log was cleared."""
        return JSONResponse(self.world.journal.view())

    async def clear_log(self, _request: Request) -> Response:
        """An empty log."""
        self.world.journal.clear()
        return Response(status_code=204)

    async def show_clock(self, _request: Request) -> Response:
        """The instant and the three todays."""
        return JSONResponse(self._clock())

    async def set_clock(self, request: Request) -> Response:
        """Shift the clock: {"offset": seconds} from the real one."""
        offset = (await _order(request)).get("offset")
        if isinstance(offset, bool) or not isinstance(offset, int | float):
            raise BadOrderError("offset is a number of seconds")
        self.world.clock.offset = timedelta(seconds=offset)
        await run_in_threadpool(self.world.company.grow)
        return JSONResponse(self._clock())

    async def revoke(self, request: Request) -> Response:
        """Take back {"what": grant or access}; {"restore": true} gives a grant back."""
        order = await _order(request)
        what, authority = order.get("what"), self.world.authority
        if what in ACCESS:
            return JSONResponse({"ended": authority.expire(issuer=ACCESS[what])})
        if what not in GRANTS:
            raise BadOrderError(f"what is one of {', '.join(sorted(GRANTS | ACCESS.keys()))}")
        if order.get("restore"):
            authority.revoked.discard(what)
        else:
            authority.revoked.add(what)
        return JSONResponse({"revoked": sorted(authority.revoked)})

    async def deliver(self, request: Request) -> Response:
        """Send the latest applications as a platform does, signed, to an address here; how many got which status."""
        try:
            order = Order.of(await _order(request))
        except BadDeliveryError as error:
            raise BadOrderError(str(error)) from error
        found = await run_in_threadpool(deliver, self.world.company, order, self.world.clock.now())
        return JSONResponse({"statuses": found})

    async def set_quota(self, request: Request) -> Response:
        """New limits for the property's buckets; {"indeedReportPolls": n} sets how often a report is not ready.
        {"xWindow": n, "xCredits": n, "xCap": n} are X's requests in 15 minutes, and posts that may still be read."""
        order = await _order(request)
        if "monsterCredits" in order:
            self.world.boards.credits = int(order.pop("monsterCredits"))
        if "indeedReportPolls" in order:
            self.world.reports.polls = int(order.pop("indeedReportPolls"))
        try:
            order = self.world.x_limits.set(order)
            self.world.quota.set(order)
        except (KeyError, TypeError, ValueError) as error:
            raise BadOrderError(f"not a quota: {error}") from None
        return JSONResponse(self.world.quota.limits)

    async def gone(self, request: Request) -> Response:
        """{"metrics": [names]}: Facebook does not know these any more, until the reset."""
        self.world.dead_metrics.update((await _order(request)).get("metrics", []))
        return JSONResponse(sorted(self.world.dead_metrics))

    async def show_boards(self, _request: Request) -> Response:
        """What was published on the boards and what they were told, by platform."""
        return JSONResponse(self.world.boards.view())

    async def show_hooks(self, _request: Request) -> Response:
        """The addresses that are registered, by platform."""
        return JSONResponse(self.world.hooks.view())

    async def check_hooks(self, request: Request) -> Response:
        """Ask every registered address its platform's question anew; {"xMost": n} lets X take so many."""
        order = await _order(request)
        if "xMost" in order:
            self.world.hooks.x_most = int(order["xMost"])
        return JSONResponse({"failed": await run_in_threadpool(hooks.check_again, self.world)})

    async def happen(self, request: Request) -> Response:
        """{"platform": "x"}: something happens there and is delivered to who is registered; statuses and how often."""
        platform = (await _order(request)).get("platform")
        if platform not in hooks.PATIENCE:
            raise BadOrderError(f"platform is one of {', '.join(hooks.PATIENCE)}")
        found = await run_in_threadpool(hooks.happen, self.world, platform, self.world.clock.now())
        return JSONResponse({"statuses": found})

    async def referrals(self, _request: Request) -> Response:
        """Whom the company's people have recommended."""
        found = await run_in_threadpool(recommendations, self.world.company)
        return JSONResponse([one.view() for one in found])

    async def visits(self, request: Request) -> Response:
        """GET /visits?from=: what tracker and links would have heard since then (three weeks, without it) until now."""
        return JSONResponse(await run_in_threadpool(visitors.told, self.world, request.query_params.get("from", "")))

    async def visit(self, request: Request) -> Response:
        """{"url": "http://127.0.0.1:8501", "site": key, "links": {"platform/campaign": slug}}: what has happened since
        is sent to the tracker and the links there; how many got which status."""
        try:
            order = visitors.Order.of(await _order(request))
        except BadDeliveryError as error:
            raise BadOrderError(str(error)) from error
        return JSONResponse({"statuses": await run_in_threadpool(visitors.visit, self.world, order)})

    async def reset(self, _request: Request) -> Response:
        """Back to a fresh start."""
        self.world.reset()
        return Response(status_code=204)

    def _clock(self) -> dict[str, str | float]:
        story = self.world.company
        return {
            "now": self.world.clock.now().isoformat(),
            "offset": self.world.clock.offset.total_seconds(),
            "company_today": story.company_today().isoformat(),
            "property_today": story.property_today().isoformat(),
            "indeed_today": story.indeed_today().isoformat(),
            "linkedin_today": self.world.linkedin.today().isoformat(),
            "facebook_today": self.world.social.facebook.today().isoformat(),
            "x_today": self.world.social.x.today().isoformat(),
        }


def _posting(posting: Posting) -> dict[str, Any]:
    return {
        "requisition": posting.requisition,
        "title": posting.title,
        "department": posting.department,
        "location": posting.location,
        "slug": posting.slug,
        "path": posting.path,
        "opened_on": posting.opened_on.isoformat(),
        "closed_on": posting.closed_on.isoformat() if posting.closed_on else None,
        "recruiter": posting.recruiter,
        "hiring_manager": posting.hiring_manager,
    }


def _attachment(extension: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="applications.{extension}"'}


async def _order(request: Request) -> dict[str, Any]:
    try:
        order = json.loads(await request.body() or b"{}")
    except ValueError:
        raise BadOrderError("the body is not JSON") from None
    if not isinstance(order, dict):
        raise BadOrderError("the body is not an object")
    return order


def _day(text: str | None, default: date) -> date:
    if not text:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadOrderError(f"not a date: {text}") from None

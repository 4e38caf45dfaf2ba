"""Indeed's Sponsored Jobs API: campaigns, daily statistics, postings and asynchronous reports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox import company
from sandbox.campaigns import AdCounts, Campaign
from sandbox.credentials import bearer
from sandbox.faults import asked_to_misbehave
from sandbox.front import CHARGED
from sandbox.indeed_reports import VERSIONS, csv_of
from sandbox.oauth_indeed import ACCOUNT_SCOPES, CAMPAIGN_SCOPES, ISSUER, REPORT_SCOPES
from sandbox.world import World

MAX_DAYS = 366
FORBIDDEN_HTML = "<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1></body></html>"
ROBOT_AGENTS = ("python-requests", "python-httpx", "python-urllib", "python/", "aiohttp")
STATUSES = {"ACTIVE", "PAUSED", "DELETED"}
Handler = Callable[[Request], Response]


class AdsError(Exception):
    """A failure the API answers with its envelope."""

    def __init__(self, status: int, kind: str, description: str) -> None:
        super().__init__(description)
        self.status, self.kind, self.description = status, kind, description


def routes(world: World) -> list[Route]:
    """The routes under /ads, and the page that answers those who forget it."""
    api = SponsoredJobs(world)

    def forgotten_prefix(_request: Request) -> Response:
        return HTMLResponse(FORBIDDEN_HTML, 403)

    def route(path: str, handler: Handler, scopes: set[str], *, charged: bool = True) -> Route:
        return Route(f"/ads/v1{path}", api.guarded(handler, scopes, charged=charged), methods=["GET"])

    return [
        route("/campaigns", api.campaigns, CAMPAIGN_SCOPES),
        route("/campaigns/{campaign_id}", api.campaign, CAMPAIGN_SCOPES),
        route("/campaigns/{campaign_id}/stats", api.campaign_stats, REPORT_SCOPES),
        route("/campaigns/{campaign_id}/properties", api.properties, CAMPAIGN_SCOPES),
        route("/campaigns/{campaign_id}/budget", api.budget, CAMPAIGN_SCOPES),
        route("/campaigns/{campaign_id}/jobCount", api.job_count, CAMPAIGN_SCOPES),
        route("/campaigns/{campaign_id}/jobDetails", api.job_details, CAMPAIGN_SCOPES),
        route("/stats", api.order_report, REPORT_SCOPES),
        route("/stats/{report_id}", api.report, REPORT_SCOPES),
        route("/account", api.account, ACCOUNT_SCOPES),
        route("/apiquotausage", api.quota_usage, ACCOUNT_SCOPES | REPORT_SCOPES | CAMPAIGN_SCOPES, charged=False),
        Route("/v1/{rest:path}", forgotten_prefix, methods=["GET", "POST", "PATCH"]),
    ]


class SponsoredJobs:
    """The advertising API of one employer."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.by_id = {campaign.id: campaign for campaign in world.company.advertising.campaigns}

    def guarded(self, handler: Handler, scopes: set[str], *, charged: bool) -> Handler:
        """The handler behind the checks of client, token, scope and employer."""

        def serve(request: Request) -> Response:
            agent = request.headers.get("user-agent", "").lower()
            if not agent or agent.startswith(ROBOT_AGENTS):
                return HTMLResponse(FORBIDDEN_HTML, 403)
            try:
                self._authorise(request, scopes)
                request.scope[CHARGED] = charged
                return handler(request)
            except AdsError as error:
                problem = [{"type": error.kind, "description": error.description}]
                return self._envelope(None, links=[], status=error.status, errors=problem)

        return serve

    def _authorise(self, request: Request, scopes: set[str]) -> None:
        value = bearer(request.headers) or ""
        token = self.world.authority.find(value, ISSUER, self.world.clock.now())
        if token is None:
            raise AdsError(401, "UNAUTHORIZED", "The access token is missing, expired or revoked.")
        if not token.scopes & scopes:
            raise AdsError(403, "INSUFFICIENT_SCOPE", f"The token needs one of: {', '.join(sorted(scopes))}.")
        if token.employer is None:
            raise AdsError(403, "FORBIDDEN", "The access token does not represent an employer.")

    def _envelope(
        self,
        data: Any,
        *,
        links: list[tuple[str, str]],
        per_page: int | None = None,
        status: int = 200,
        errors: list[dict[str, str]] | None = None,
    ) -> JSONResponse:
        meta = {
            "status": status,
            "errors": errors,
            "rootLocation": f"{self.world.base_url}/ads",
            "perPage": per_page,
            "links": [{"rel": rel, "href": href} for rel, href in links],
        }
        return JSONResponse({"meta": meta, "data": data}, status)

    def campaigns(self, request: Request) -> Response:
        """GET /v1/campaigns: all of them, page by page; `start` is the id of the page's first campaign."""
        per_page = _number(request, "perPage", default=30, most=500)
        chosen = self._chosen(request)
        ids = [campaign.id for campaign in chosen]
        start = request.query_params.get("start")
        if start is not None and start not in ids:
            raise AdsError(400, "INVALID_REQUEST", "Invalid start.")
        first = ids.index(start) if start is not None else 0
        fault = asked_to_misbehave(request)
        shown_from = max(0, first - per_page) if fault == "duplicate_page" else first
        page = chosen[shown_from : shown_from + per_page]
        links = [("up", "/v1/account")]
        if fault == "loop":
            links.append(("next", _href(request, start=ids[first])))
        elif shown_from + per_page < len(ids):
            links.append(("next", _href(request, start=ids[shown_from + per_page])))
        wanted = [name for name in request.query_params.get("fields", "").split(",") if name]
        entries = [{k: v for k, v in _brief(c).items() if not wanted or k in wanted} for c in page]
        return self._envelope({"Campaigns": entries}, links=links, per_page=per_page)

    def _chosen(self, request: Request) -> list[Campaign]:
        chosen = list(self.by_id.values())
        status = request.query_params.get("status", "ALL")
        if status != "ALL":
            if status not in STATUSES:
                raise AdsError(400, "INVALID_REQUEST", "Invalid status.")
            chosen = [campaign for campaign in chosen if campaign.status == status]
        if request.query_params.get("type", "SOURCE") not in {"SOURCE", "HOSTED"}:
            raise AdsError(400, "INVALID_REQUEST", "Invalid type.")
        if request.query_params.get("type") == "HOSTED":
            return []
        ids = [i for i in request.query_params.get("campaignIds", "").split(",") if i]
        if len(ids) > 50:
            raise AdsError(400, "INVALID_REQUEST", "At most 50 campaignIds are allowed.")
        return [campaign for campaign in chosen if not ids or campaign.id in ids]

    def _campaign(self, request: Request) -> Campaign:
        campaign = self.by_id.get(request.path_params["campaign_id"])
        if campaign is None:
            raise AdsError(404, "NOT_FOUND", "Resource not found.")
        return campaign

    def campaign(self, request: Request) -> Response:
        """GET /v1/campaigns/{id}."""
        campaign = self._campaign(request)
        details = {
            **_brief(campaign),
            "Type": "SOURCE",
            "CurrencyCode": company.CURRENCY,
            "MaxCostPerClick": campaign.cents_per_click * 2 / 100,
            "DailyBudget": 150.0,
            "TrackingToken": campaign.tracking,
        }
        return self._envelope(details, links=[("up", "/v1/campaigns")])

    def properties(self, request: Request) -> Response:
        """GET /v1/campaigns/{id}/properties, days in US Central time."""
        campaign = self._campaign(request)
        spent = [day for day, counts in self._daily(campaign) if counts.spend_minor]
        days = {
            "dateCreated": campaign.created_on.isoformat(),
            "firstSpendDate": spent[0].isoformat() if spent else None,
            "lastSpendDate": spent[-1].isoformat() if spent else None,
        }
        return self._envelope(days, links=[_up(campaign)])

    def budget(self, request: Request) -> Response:
        """GET /v1/campaigns/{id}/budget."""
        campaign = self._campaign(request)
        budget = {"budgetMonthlyLimit": 4500.0, "maxCpc": campaign.cents_per_click * 2 / 100}
        return self._envelope(budget, links=[_up(campaign)])

    def job_count(self, request: Request) -> Response:
        """GET /v1/campaigns/{id}/jobCount."""
        campaign = self._campaign(request)
        return self._envelope(len(campaign.requisitions), links=[_up(campaign)])

    def job_details(self, request: Request) -> Response:
        """GET /v1/campaigns/{id}/jobDetails: which requisitions the campaign advertises."""
        campaign = self._campaign(request)
        per_page = _number(request, "perPage", default=100, most=500)
        start = _number(request, "start", default=0, least=0)
        postings = [self.world.company.by_requisition[ref] for ref in campaign.requisitions]
        entries = [
            {"jobKey": p.job_key, "refNum": p.requisition, "title": p.title, "location": p.location}
            for p in postings[start : start + per_page]
        ]
        links = [_up(campaign)]
        if start + per_page < len(postings):
            links.append(("next", _href(request, start=str(start + per_page))))
        return self._envelope({"entries": entries}, links=links, per_page=per_page)

    def campaign_stats(self, request: Request) -> Response:
        """GET /v1/campaigns/{id}/stats: one entry a day, or one for all with merge=true."""
        campaign = self._campaign(request)
        first, end = self._range(request)
        per_page = _number(request, "perPage", default=10, most=500)
        daily = [(day, counts) for day, counts in self._daily(campaign) if first <= day < end]
        if request.query_params.get("merge", "false") == "true":
            merged = {"StartDate": first.isoformat(), "EndDate": end.isoformat()}
            total = added(counts for _, counts in daily)
            return self._envelope(
                {"entries": [_entry(campaign, merged, total)]}, links=[_up(campaign)], per_page=per_page
            )
        start = _start_day(request, first)
        left = [(day, counts) for day, counts in daily if day >= start]
        page = left[:per_page]
        links = [_up(campaign)]
        if len(left) > per_page:
            links.append(("next", _href(request, start=left[per_page][0].isoformat())))
        entries = [_entry(campaign, {"Date": day.isoformat()}, counts) for day, counts in page]
        return self._envelope({"entries": entries}, links=links, per_page=per_page)

    def _daily(self, campaign: Campaign) -> list[tuple[date, AdCounts]]:
        today = self.world.company.indeed_today()
        day = max(campaign.created_on, self.world.company.season.first_day)
        daily: list[tuple[date, AdCounts]] = []
        while day <= today:
            rows = [row for row in self.world.company.ads_on(day) if row.campaign_id == campaign.id]
            daily.append((day, added(row.counted((today - day).days) for row in rows)))
            day += timedelta(days=1)
        return daily

    def _range(self, request: Request) -> tuple[date, date]:
        tomorrow = self.world.company.indeed_today() + timedelta(days=1)
        end = _date(request, "endDate") or tomorrow
        first = _date(request, "startDate") or end - timedelta(days=30)
        if not first < end or (end - first).days > MAX_DAYS:
            raise AdsError(400, "INVALID_REQUEST", "Invalid date range.")
        return first, end

    def order_report(self, request: Request) -> Response:
        """GET /v1/stats: start the report of one day; 202 and where it will be."""
        first, end = _date(request, "startDate"), _date(request, "endDate")
        if first is None or end is None or (end - first).days != 1:
            raise AdsError(400, "INVALID_REQUEST", "Invalid date range.")
        location = f"/v1/stats/{self.world.reports.order(first, _version(request))}"
        answer = self._envelope({"location": location}, links=[], status=202)
        answer.headers["location"] = location
        return answer

    def report(self, request: Request) -> Response:
        """GET /v1/stats/{id}: 202 until it is ready, then the CSV."""
        desk = self.world.reports
        report = desk.reports.get(request.path_params["report_id"])
        if report is None:
            raise AdsError(404, "NOT_FOUND", "Resource not found.")
        if not desk.is_ready(report):
            return self._envelope(None, links=[], status=202)
        version = _version(request) if "v" in request.query_params else report.version
        body = csv_of(self.world.company, report.day, version)
        return Response(body, media_type="text/csv")

    def account(self, _request: Request) -> Response:
        """GET /v1/account."""
        details = {
            "id": self.world.account.employer_id,
            "email": "ads@halden.example",
            "contact": "Ines Albrecht",
            "company": company.NAME,
            "jobSourceList": [{"id": "89432", "name": f"{company.NAME} Careers"}],
        }
        return self._envelope(details, links=[])

    def quota_usage(self, request: Request) -> Response:
        """GET /v1/apiquotausage: how many calls were charged; free itself."""
        calls = sum(entry.charged for entry in self.world.journal.entries)
        month = request.query_params.get("monthYear", self.world.clock.now().strftime("%m%Y"))
        return self._envelope({"monthYear": month, "callsUsed": calls, "callLimit": 5000}, links=[])


def added(parts: Any) -> AdCounts:
    """The sum of some counts."""
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return AdCounts(*(sum(column) for column in columns))


def _brief(campaign: Campaign) -> dict[str, Any]:
    return {"Name": campaign.name, "Id": campaign.id, "Status": campaign.status}


def _entry(campaign: Campaign, when: dict[str, str], counts: AdCounts) -> dict[str, Any]:
    return {
        "Name": campaign.name,
        "Id": campaign.id,
        **when,
        "Clicks": counts.clicks,
        "Impressions": counts.impressions,
        "Conversions": counts.conversions,
        "CurrencyCode": company.CURRENCY if counts.spend_minor else None,
        "Cost": counts.spend_minor / 100,
        "OrganicClicks": counts.organic_clicks,
        "OrganicImpressions": counts.organic_impressions,
        "Applystarts": counts.apply_starts,
        "OrganicApplystarts": counts.organic_apply_starts,
    }


def _up(campaign: Campaign) -> tuple[str, str]:
    return "up", f"/v1/campaigns/{campaign.id}"


def _href(request: Request, start: str) -> str:
    """The same request from another start, relative to rootLocation."""
    url = request.url.include_query_params(start=start)
    return f"{url.path.removeprefix('/ads')}?{url.query}"


def _version(request: Request) -> str:
    version = request.query_params.get("v", "1")
    if version not in VERSIONS:
        raise AdsError(400, "INVALID_REQUEST", "Invalid report version.")
    return version


def _start_day(request: Request, first: date) -> date:
    return _date(request, "start") or first


def _date(request: Request, name: str) -> date | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise AdsError(400, "INVALID_REQUEST", f"Invalid {name}.") from None


def _number(request: Request, name: str, *, default: int, least: int = 1, most: int = 10**9) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdigit() or not least <= int(text) <= most:
        raise AdsError(400, "INVALID_REQUEST", f"Invalid {name}.")
    return int(text)

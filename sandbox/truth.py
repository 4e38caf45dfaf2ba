"""What the product must show, computed from the company's story and never from anything that was served."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sandbox.applications import Application
from sandbox.company import CAREERS_PATH, CURRENCY, SOURCE_PLATFORMS, ZONE
from sandbox.linkedin_truth import CONNECTIONS as LINKEDIN_CONNECTIONS
from sandbox.linkedin_truth import READERS, count_linkedin, expected, reports_clicks
from sandbox.model import Company
from sandbox.recommended import count_recommended
from sandbox.social import CONNECTIONS as SOCIAL_CONNECTIONS
from sandbox.social import count_social
from sandbox.social import expected as expected_social
from sandbox.tracked import CLICKS_COUNT_FOR, count_clicks, count_tracked, is_provisional
from sandbox.tracked import SITE_METRICS as TRACKED_METRICS
from sandbox.visits import Session

CONNECTIONS = (
    "company_website",
    "indeed",
    "ats",
    *LINKEDIN_CONNECTIONS,
    *SOCIAL_CONNECTIONS,
    "tracker",
    "links",
    "desk",
)
#: What is asked about where nothing else is said.
BY_DEFAULT = ("company_website", "indeed", "ats")
INDEED_METRICS = ("impressions", "clicks", "apply_starts", "applications", "spend")
SITE_METRICS = (
    "views",
    "sessions",
    "engaged_sessions",
    "engagement_seconds",
    "clicks",
    "apply_starts",
    "applications",
)
ATS_PLATFORMS = ("linkedin", "glassdoor", "referrals", "other")
STAGE_METRICS = {"interviewed": "interviews", "offered": "offers", "hired": "hires"}
# What a career-site event counts as, and therefore what another platform may report itself.
OWNABLE = ("clicks", "apply_starts", "applications")


@dataclass
class Ledger:
    """Counts by (platform, metric, day) and by posting, and the breakdown of the career site by source."""

    days: Counter[tuple[str, str, date]] = field(default_factory=Counter)
    postings: Counter[tuple[str, str, str, date]] = field(default_factory=Counter)
    sources: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, name: tuple[str, str], day: date, requisition: str | None, value: int) -> None:
        """Count a value for (platform, metric) on a day, and for the posting where it has one."""
        if value:
            self.days[*name, day] += value
            if requisition is not None:
                self.postings[*name, requisition, day] += value


@dataclass(frozen=True)
class Question:
    """The days asked for (half-open), what is connected, and until when the tracker was told of visits."""

    company: Company
    first: date
    end: date
    connected: frozenset[str]
    heard_until: datetime | None = None

    def covers(self, day: date) -> bool:
        """Whether a day is asked for."""
        return self.first <= day < self.end

    def is_tracked(self, day: date) -> bool:
        """Whether the tracker's word stands for a day of the career site."""
        is_heard = "tracker" in self.connected and self.heard_until is not None
        return is_heard and is_provisional(self.company, day)

    def reported_by_indeed(self, day: date) -> bool:
        """Whether Indeed reports its own clicks, starts and applications on that day."""
        story = self.company
        return "indeed" in self.connected and story.season.first_day <= day <= story.indeed_today()

    def reported_by_ats(self, day: date) -> bool:
        """Whether the ATS export holds the applications of that day."""
        if "ats" not in self.connected:
            return False
        return self.company.season.first_day <= day <= self.company.company_today()

    def is_owned_elsewhere(self, source: str, metric: str, day: date) -> bool:
        """Whether a career-site count belongs to the platform that sent the visit."""
        platform = SOURCE_PLATFORMS.get(source.lower())
        if platform == "indeed":
            return self.reported_by_indeed(day)
        if platform == "linkedin" and metric == "clicks":
            return reports_clicks(self.company, self.connected, day)
        if platform == "linkedin" and metric == "applications" and READERS & self.connected:
            return True
        return platform is not None and metric == "applications" and self.reported_by_ats(day)


def truth(question: Question) -> dict[str, Any]:
    """Totals, days and postings of the period, as JSON."""
    ledger = Ledger()
    if "company_website" in question.connected:
        for session in _sessions(question):
            _count_session(question, session, ledger)
    if "indeed" in question.connected:
        _count_indeed(question, ledger)
    if "ats" in question.connected:
        for application in question.company.applications():
            _count_application(question, application, ledger)
    count_linkedin(question.company, question.connected, (question.first, question.end), ledger.add)
    count_social(question.company, question.connected, (question.first, question.end), ledger.add)
    if "desk" in question.connected:
        count_recommended(question.company, question.covers, ledger.add)
    if question.heard_until is not None:
        until = question.heard_until
        if "tracker" in question.connected:
            count_tracked(question.company, until, question.covers, ledger.add, question.is_owned_elsewhere)
        if "links" in question.connected:
            count_clicks(question.company, until, question.covers, ledger.add)
    return _rendered(question, ledger)


def _sessions(question: Question) -> Iterable[Session]:
    day = question.first
    while day < question.end:
        yield from question.company.sessions_on(day)
        day += timedelta(days=1)


def _count_session(question: Question, session: Session, ledger: Ledger) -> None:
    pages = [page for page in session.pages if page.path.startswith(CAREERS_PATH)]
    if not pages:
        return
    day = session.property_day
    is_tracked = question.is_tracked(day)
    ledger.add(("company_website", "sessions"), day, None, int(not is_tracked))
    ledger.add(("company_website", "engaged_sessions"), day, None, int(session.engaged))
    for page in pages:
        ledger.add(("company_website", "views"), day, page.requisition, 0 if is_tracked else page.views)
        ledger.add(("company_website", "engagement_seconds"), day, None, page.seconds)
        ledger.sources["applications", session.source] += page.completes
        for metric, count in zip(OWNABLE, (page.clicks, page.starts, page.completes), strict=True):
            if is_tracked and metric in TRACKED_METRICS:
                continue
            if not question.is_owned_elsewhere(session.source, metric, day):
                ledger.add(("company_website", metric), day, page.requisition, count)


def _count_indeed(question: Question, ledger: Ledger) -> None:
    today = question.company.indeed_today()
    day = question.first
    while day < question.end:
        for row in question.company.ads_on(day):
            shown = row.counted((today - day).days)
            values = {
                "impressions": shown.impressions + shown.organic_impressions,
                "clicks": shown.clicks + shown.organic_clicks,
                "apply_starts": shown.apply_starts + shown.organic_apply_starts,
                "applications": shown.conversions,
                "spend": shown.spend_minor,
            }
            for metric, value in values.items():
                ledger.add(("indeed", metric), day, row.requisition, value)
        day += timedelta(days=1)


def _count_application(question: Question, application: Application, ledger: Ledger) -> None:
    requisition = application.requisition
    applied_on = _company_day(application.applied_at)
    if application.platform in ATS_PLATFORMS and question.covers(applied_on):
        ledger.add((application.platform, "applications"), applied_on, requisition, 1)
    cutoff = question.company.ats_cutoff()
    for stage, metric in STAGE_METRICS.items():
        reached_at = application.stages.get(stage)
        if reached_at is not None and reached_at < cutoff and question.covers(_company_day(reached_at)):
            ledger.add((application.platform, metric), _company_day(reached_at), requisition, 1)


def _company_day(instant: datetime) -> date:
    return instant.astimezone(ZONE).date()


def expected_of(connected: frozenset[str]) -> list[tuple[str, str]]:
    """Every (platform, metric) there is with these connections, so that a zero is said and not left out."""
    names: list[tuple[str, str]] = []
    if "company_website" in connected:
        names += [("company_website", metric) for metric in SITE_METRICS]
    if "indeed" in connected:
        names += [("indeed", metric) for metric in INDEED_METRICS]
    if "ats" in connected:
        names += [(platform, "applications") for platform in ATS_PLATFORMS]
        everyone = ("company_website", "indeed", *ATS_PLATFORMS)
        names += [(platform, metric) for platform in everyone for metric in STAGE_METRICS.values()]
    if "desk" in connected:
        names.append(("referrals", "referrals_sent"))
    if "links" in connected:
        names += [(platform, "clicks") for platform in CLICKS_COUNT_FOR]
    return sorted({*names, *expected(connected), *expected_social(connected)})


def _rendered(question: Question, ledger: Ledger) -> dict[str, Any]:
    totals: Counter[tuple[str, str]] = Counter()
    for (platform, metric, _), value in ledger.days.items():
        totals[platform, metric] += value
    return {
        "from": question.first.isoformat(),
        "to": question.end.isoformat(),
        "asOf": question.company.clock.now().isoformat(),
        "connected": [name for name in CONNECTIONS if name in question.connected],
        "totals": [
            {"platform": p, "metric": m, "value": totals[p, m], "currency": _currency(m)}
            for p, m in sorted(expected_of(question.connected))
        ],
        "days": [
            {"platform": p, "metric": m, "day": day.isoformat(), "value": value, "currency": _currency(m)}
            for (p, m, day), value in sorted(ledger.days.items())
        ],
        "postings": [
            {
                "platform": p,
                "metric": m,
                "requisition": requisition,
                "day": day.isoformat(),
                "value": value,
                "currency": _currency(m),
            }
            for (p, m, requisition, day), value in sorted(ledger.postings.items())
        ],
        "breakdowns": [
            {"platform": "company_website", "metric": metric, "dimension": "source", "key": source, "value": value}
            for (metric, source), value in sorted(ledger.sources.items())
            if value
        ],
    }


def _currency(metric: str) -> str | None:
    return CURRENCY if metric == "spend" else None

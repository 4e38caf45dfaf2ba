"""Reports as JSON: camelCase keys, days as YYYY-MM-DD, instants in UTC, null for what was never read."""

from collections.abc import Iterable
from typing import Any

from store.reports.scope import CompanyScope
from store.reports.shapes import Card, Dashboard, Performance, SourceRow
from store.reports.sources import SourceBreakdown
from store.reports.sync_jobs import SyncJobRow


def dashboard_answer(found: Dashboard, company: CompanyScope) -> dict[str, Any]:
    """What the dashboard shows. Money is in minor units of its `currency`; null means that nothing was read."""
    return {
        "period": _period(found, company),
        "metrics": [_card(card) for card in found.cards],
        "sourceBreakdown": [_source(row) for row in found.sources],
        "applicationTrends": [
            {
                "day": point.start.isoformat(),
                "platform": trend.platform,
                "label": trend.label,
                "applications": point.value,
                "isPartial": point.is_partial,
                "isProvisional": point.is_provisional,
            }
            for trend in found.trends
            for point in trend.points
        ],
        "hiringFunnel": [
            {
                "stage": step.stage,
                "label": step.label,
                "value": step.value,
                "rate": step.rate,
                "platforms": list(step.platforms),
            }
            for step in found.funnel
        ],
        "performanceMetrics": _performance(found.performance),
        "lastUpdated": _instant(found.updated_at),
    }


def breakdown_answer(
    found: Dashboard, company: CompanyScope, below: dict[str, Iterable[SourceBreakdown]]
) -> dict[str, Any]:
    """What each platform brought, with the sources below it where the platform names them."""
    return {
        "period": _period(found, company),
        "platforms": [
            {
                **_source(row),
                "previous": row.previous,
                "coveredDays": row.covered_days,
                "isProvisional": row.is_provisional,
                "lastSyncedAt": _instant(row.synced_at),
                "state": row.state,
                "reason": row.reason,
                "sources": [_below(entry) for entry in below.get(row.platform, ())],
            }
            for row in found.sources
        ],
        "lastUpdated": _instant(found.updated_at),
    }


def sync_job_answer(job: SyncJobRow) -> dict[str, Any]:
    """How one sync job stands."""
    return {
        "jobId": str(job.id),
        "platform": job.platform,
        "syncType": job.sync_type,
        "status": job.state,
        "cause": job.cause_code or None,
        "detail": job.detail or None,
        "windowStart": job.window_start.isoformat(),
        "windowEnd": job.window_end.isoformat(),
        "attempts": job.attempts,
        "pages": job.pages,
        "facts": job.facts,
        "inserted": job.inserted,
        "updated": job.updated,
        "unchanged": job.unchanged,
        "deleted": job.deleted,
        "rejected": job.rejected,
        "createdAt": _instant(job.created_at),
        "startedAt": _instant(job.started_at),
        "finishedAt": _instant(job.finished_at),
        "pausedUntil": _instant(job.paused_until),
        "nextAttemptAt": _instant(job.next_attempt_at),
    }


def _period(found: Dashboard, company: CompanyScope) -> dict[str, Any]:
    return {
        "from": found.period.start.isoformat(),
        "to": found.period.end.isoformat(),
        "lastDay": found.period.last_day.isoformat(),
        "days": found.period.days,
        "grain": found.grain,
        "timeZone": company.time_zone,
    }


def _card(card: Card) -> dict[str, Any]:
    current, previous = card.comparison.current, card.comparison.previous
    return {
        "id": card.id,
        "title": card.title,
        "unit": card.unit,
        "currency": card.currency or None,
        "value": card.value,
        "compared": card.compared,
        "previous": card.previous,
        "changeRatio": card.change_ratio,
        "numerator": card.numerator,
        "denominator": card.denominator,
        "platforms": list(card.platforms),
        "note": card.note or None,
        "comparison": {
            "from": current.start.isoformat() if current else None,
            "to": current.end.isoformat() if current else None,
            "previousFrom": previous.start.isoformat() if previous else None,
            "previousTo": previous.end.isoformat() if previous else None,
        },
    }


def _source(row: SourceRow) -> dict[str, Any]:
    return {
        "platform": row.platform,
        "label": row.label,
        "applications": row.applications,
        "percentage": row.share,
    }


def _below(entry: SourceBreakdown) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "source": entry.source,
        "medium": entry.medium,
        "campaign": entry.campaign,
        "countedUnder": entry.owner or None,
        "currency": entry.currency or None,
        "values": {_camel(name): value for name, value in entry.values.items()},
    }


def _performance(found: Performance) -> dict[str, Any]:
    return {
        "medianDaysToFirstApplication": found.days_to_first_application,
        "medianDaysToHire": found.days_to_hire,
        "hiresMeasured": found.hires_measured,
        "postingsMeasured": found.postings_measured,
        "openPostings": found.open_postings,
        "applicationsPerPosting": found.applications_per_posting,
        "costPerApplicationMinor": found.cost_per_application_minor,
        "costPerHireMinor": found.cost_per_hire_minor,
        "currency": found.currency or None,
        "costPlatforms": list(found.cost_platforms),
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _instant(at: Any) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None

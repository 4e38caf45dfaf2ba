"""What lies below a platform: its UTM sources, its campaigns, paid against organic?

Rows explain a platform's numbers and need not sum to them. Where the platform is counted by its sources (the career
site), a source that names another platform is that platform's wherever it reports the metric itself: such rows are
marked with their owner. Shown is what the platform's own reports say of a metric, and where they say nothing what the
tracker and the tracked links heard; neither files nor projections.
"""

from dataclasses import dataclass, replace

from sqlalchemy import Uuid, bindparam, text
from sqlmodel import Session

from domain.facts import Origin, Scope, day_number
from domain.metrics import BY_NUMBER as METRICS
from domain.periods import Period
from domain.platforms import BY_NUMBER as PLATFORMS
from store.reports.scope import CompanyScope

MOST_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class SourceBreakdown:
    """One source below a platform. `values` by metric name; `owner`: the platform its name stands for, "" for none.

    Money of a second currency stands in an entry of its own.
    """

    kind: str
    source: str
    medium: str
    campaign: str
    owner: str
    values: dict[str, int]
    currency: str = ""


def list_breakdowns(
    session: Session, company: CompanyScope, period: Period, platform: str, kind: str
) -> list[SourceBreakdown]:
    """Breakdown rows of `kind` (source, campaign, paid) of one platform, busiest first, at most MOST_ROWS."""
    rows = (
        session.connection()
        .execute(
            _BELOW,
            {
                "company": company.number,
                "company_id": company.id,
                "platform": platform,
                "kind": kind,
                "start": day_number(period.start),
                "end": day_number(period.end),
                "scope": int(Scope.TOTAL),
                "poll": int(Origin.POLL),
                "event": int(Origin.EVENT),
            },
        )
        .all()
    )
    polled = {metric for *_, origin, metric, _, _ in rows if origin == Origin.POLL}
    found: dict[tuple[str, str, str, int, str], SourceBreakdown] = {}
    for source, medium, campaign, owner, origin, metric, currency, value in rows:
        if origin == Origin.EVENT and metric in polled:
            continue
        label = PLATFORMS[owner].key if owner in PLATFORMS and PLATFORMS[owner].key != platform else ""
        key = (source, medium, campaign, owner, "")
        entry = found.setdefault(key, SourceBreakdown(kind, source, medium, campaign, label, {}))
        if currency and entry.currency not in ("", currency):
            # Money of another currency stands in a row of its own: it is never added up.
            key = (*key[:4], currency)
            entry = found.setdefault(key, SourceBreakdown(kind, source, medium, campaign, label, {}))
        if currency:  # only the rows of a money metric carry one
            entry = found[key] = replace(entry, currency=currency)
        entry.values[METRICS[metric].name] = int(value)
    busiest = sorted(found.values(), key=lambda entry: -max(entry.values.values(), default=0))
    return busiest[:MOST_ROWS]


_BELOW = text("""
SELECT b.source, b.medium, b.campaign, b.source_platform, f.origin, f.metric, f.currency, SUM(f.value)
FROM platform_configs c
JOIN breakdowns b ON b.config_no = c.number AND b.kind = :kind
JOIN platform_analytics_raw f
  ON f.company_no = :company AND f.config_no = c.number AND f.day >= :start AND f.day < :end
 AND f.scope = :scope AND f.origin IN (:poll, :event) AND f.breakdown = b.number
WHERE c.company_id = :company_id AND c.platform = :platform
GROUP BY b.source, b.medium, b.campaign, b.source_platform, f.origin, f.metric, f.currency
ORDER BY f.currency
""").bindparams(bindparam("company_id", type_=Uuid()))

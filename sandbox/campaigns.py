"""Indeed campaigns, and what each advertised posting did there per day and device."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sandbox.postings import Posting
from sandbox.season import HISTORY_DAYS, Season, poisson

RESTATED_DAYS = 7
# Per cent of a day's conversions Indeed has attributed, by the age of the day.
CONVERSIONS_SEEN = (40, 80, 90, 94, 96, 98, 99, 100)
TODAY_SEEN = 45
DEVICES = ("desktop", "mobile")


@dataclass(frozen=True)
class Campaign:
    """One campaign; spans are half-open from the left: a date and the last day inclusive, or None."""

    id: str
    name: str
    status: str
    tracking: str
    created_on: date
    runs: tuple[tuple[date, date | None], ...]
    reported_until: date | None
    requisitions: tuple[str, ...]
    cents_per_click: int

    def runs_on(self, day: date) -> bool:
        """Whether it buys clicks on an Indeed day."""
        return any(start <= day and (end is None or day <= end) for start, end in self.runs)

    def reports_on(self, day: date) -> bool:
        """Whether Indeed reports its postings (organic ones too) on an Indeed day."""
        return self.created_on <= day and (self.reported_until is None or day <= self.reported_until)


@dataclass(frozen=True)
class AdCounts:
    """What Indeed says about one posting, device and day (or a sum of them); spend in cents."""

    impressions: int = 0
    clicks: int = 0
    apply_starts: int = 0
    conversions: int = 0
    spend_minor: int = 0
    organic_impressions: int = 0
    organic_clicks: int = 0
    organic_apply_starts: int = 0
    organic_conversions: int = 0


@dataclass(frozen=True)
class AdRow:
    """The final figures of a row; marks (0-99) say when each conversion becomes visible."""

    day: date
    campaign_id: str
    requisition: str
    device: str
    final: AdCounts
    marks: tuple[int, ...]
    organic_marks: tuple[int, ...]

    def counted(self, age_days: int) -> AdCounts:
        """What the platform shows when the day is so old: Indeed restates a week, upwards for
        conversions and downwards for spend (invalid clicks are credited)."""
        if age_days >= RESTATED_DAYS:
            return self.final
        if age_days < 0:
            return AdCounts()
        seen = CONVERSIONS_SEEN[age_days]
        share = TODAY_SEEN if age_days == 0 else 100
        final = self.final
        charged = final.spend_minor + final.spend_minor * (RESTATED_DAYS - age_days) // 100
        return AdCounts(
            impressions=final.impressions * share // 100,
            clicks=final.clicks * share // 100,
            apply_starts=final.apply_starts * share // 100,
            conversions=sum(mark < seen for mark in self.marks),
            spend_minor=charged * share // 100,
            organic_impressions=final.organic_impressions * share // 100,
            organic_clicks=final.organic_clicks * share // 100,
            organic_apply_starts=final.organic_apply_starts * share // 100,
            organic_conversions=sum(mark < seen for mark in self.organic_marks),
        )


@dataclass(frozen=True)
class Demand:
    """What one posting and device saw on one Indeed day, as the rest of the model knows it."""

    marks: tuple[int, ...] = ()
    organic_marks: tuple[int, ...] = ()
    visits: int = 0
    organic_visits: int = 0


class Advertising:
    """The campaigns and the question whether one buys clicks for a posting on a day."""

    def __init__(self, seed: int, season: Season, postings: Iterable[Posting]) -> None:
        self.seed = seed
        self.season = season
        self.postings = {posting.requisition: posting for posting in postings}
        self.campaigns = build_campaigns(season.anchor, self.postings.values())
        self.by_requisition = {ref: c for c in self.campaigns for ref in c.requisitions}

    def campaign_for(self, requisition: str, day: date) -> Campaign | None:
        """The campaign that sponsors the posting on an Indeed day, if any."""
        campaign = self.by_requisition.get(requisition)
        if campaign is None or not campaign.runs_on(day) or not self.postings[requisition].is_open(day):
            return None
        return campaign

    def rows(self, day: date, demand: dict[tuple[str, str], Demand]) -> tuple[AdRow, ...]:
        """All rows of an Indeed day, given the demand by (requisition, device)."""
        rng = random.Random(f"{self.seed}:ads:{day}")
        rows: list[AdRow] = []
        for campaign in self.campaigns:
            if not campaign.reports_on(day):
                continue
            for requisition in campaign.requisitions:
                for device in DEVICES:
                    seen = demand.get((requisition, device), Demand())
                    is_open = self.postings[requisition].is_open(day)
                    if is_open or seen != Demand():
                        rows.append(self._row(rng, campaign, (requisition, device, day), seen))
        return tuple(rows)

    def _row(
        self, rng: random.Random, campaign: Campaign, key: tuple[str, str, date], seen: Demand
    ) -> AdRow:
        requisition, device, day = key
        posting = self.postings[requisition]
        scale = self.season.demand(day) * posting.weight * (1.3 if device == "mobile" else 0.8)
        scale *= 1.0 if posting.is_open(day) else 0.0
        running = campaign.runs_on(day)
        starts = len(seen.marks) + poisson(rng, 0.5 * len(seen.marks) + 0.1 * scale * running)
        clicks = max(starts + poisson(rng, 0.9 * scale * running), seen.visits)
        organic_starts = len(seen.organic_marks) + poisson(rng, 0.4 * len(seen.organic_marks) + 0.05 * scale)
        organic_clicks = max(organic_starts + poisson(rng, 0.5 * scale), seen.organic_visits)
        spend = clicks * rng.randint(campaign.cents_per_click * 8, campaign.cents_per_click * 12) // 10
        return AdRow(
            day=day,
            campaign_id=campaign.id,
            requisition=requisition,
            device=device,
            final=AdCounts(
                impressions=clicks * rng.randint(18, 40) + poisson(rng, 12 * scale * running),
                clicks=clicks,
                apply_starts=starts,
                conversions=len(seen.marks),
                spend_minor=spend,
                organic_impressions=organic_clicks * rng.randint(15, 30) + poisson(rng, 6 * scale),
                organic_clicks=organic_clicks,
                organic_apply_starts=organic_starts,
                organic_conversions=len(seen.organic_marks),
            ),
            marks=seen.marks,
            organic_marks=seen.organic_marks,
        )


def build_campaigns(anchor: date, postings: Iterable[Posting]) -> tuple[Campaign, ...]:
    """Nine campaigns in all three states; a posting is in at most one, and a third are in none."""
    ordered = list(postings)

    def ago(days: int) -> date:
        return anchor - timedelta(days=days)

    def of(*departments: str) -> tuple[str, ...]:
        chosen = [p for p in ordered if p.department in departments and int(p.requisition[-1]) % 10 != 3]
        return tuple(p.requisition for p in chosen)

    start = HISTORY_DAYS
    interns = tuple(p.requisition for p in ordered if "Intern" in p.title or "Student" in p.title)
    engineering = of("Engineering")
    table = (
        ("Engineering Berlin", "ACTIVE", start, ((start, None),), engineering[::2], 132),
        ("Ingenieure München", "ACTIVE", start, ((start, 290), (200, None)), engineering[1::2], 118),
        ("Robotics Research 🤖", "ACTIVE", 380, ((380, None),), of("Research"), 155),
        ("Sales & Support", "PAUSED", 400, ((400, 41),), of("Sales"), 88),
        ("Operations – Fertigung", "ACTIVE", 210, ((210, None),), of("Operations"), 64),
        ("Summer interns ☀", "DELETED", 330, ((330, 240),), interns, 47),
        ("Support hubs", "PAUSED", 300, ((300, 180), (120, 12)), of("Support"), 59),
        ("New year push", "DELETED", 320, ((320, 285),), of("Finance"), 95),
        ("People team (planned)", "PAUSED", 20, (), (), 80),
    )
    taken: set[str] = set(interns)
    built: list[Campaign] = []
    for name, status, created, runs, requisitions, cents in table:
        free = tuple(r for r in requisitions if requisitions is interns or r not in taken)
        taken.update(free)
        built.append(
            Campaign(
                id="Av1" + hashlib.sha256(f"campaign:{name}".encode()).hexdigest()[:13],
                name=name,
                status=status,
                tracking=name.split(maxsplit=1)[0].lower() + f"-{cents}",
                created_on=ago(created),
                runs=tuple((ago(first), None if last is None else ago(last)) for first, last in runs),
                reported_until=ago(runs[-1][1] or 0) if status == "DELETED" else None,
                requisitions=free,
                cents_per_click=cents,
            )
        )
    return tuple(built)


def created_at(campaign: Campaign) -> str:
    """The creation instant as Indeed prints it."""
    return datetime.combine(campaign.created_on, datetime.min.time(), UTC).isoformat()

"""Indeed campaigns, and what each advertised posting did there per day and device."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from sandbox.postings import Posting
from sandbox.season import HISTORY_DAYS, Season, poisson

RESTATED_DAYS = 7
# Per cent of a day's conversions Indeed has attributed, by the age of the day.
CONVERSIONS_SEEN = (40, 80, 90, 94, 96, 98, 99, 100)
TODAY_SEEN = 45
DEVICES = ("desktop", "mobile")


@dataclass(frozen=True)
class Campaign:
    """One campaign; `runs` are its first and last days, both inclusive, None for still running."""

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
    apply_conversions: int = 0
    spend_minor: int = 0
    organic_impressions: int = 0
    organic_clicks: int = 0
    organic_apply_starts: int = 0
    organic_conversions: int = 0


class Conversion(NamedTuple):
    """One application through Indeed: its mark (0-99) says how early it is attributed; hosted ones used
    Indeed's own form and never saw the career site."""

    mark: int
    is_hosted: bool


@dataclass(frozen=True)
class AdRow:
    """The final figures of a row, and the conversions in them: only those become visible one by one."""

    day: date
    campaign_id: str
    requisition: str
    device: str
    final: AdCounts
    paid: tuple[Conversion, ...]
    organic: tuple[Conversion, ...]

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
            impressions=_part(final.impressions, share),
            clicks=_part(final.clicks, share),
            apply_starts=_part(final.apply_starts, share),
            conversions=sum(c.mark < seen for c in self.paid),
            apply_conversions=sum(c.mark < seen and c.is_hosted for c in self.paid),
            spend_minor=charged * share // 100,
            organic_impressions=_part(final.organic_impressions, share),
            organic_clicks=_part(final.organic_clicks, share),
            organic_apply_starts=_part(final.organic_apply_starts, share),
            organic_conversions=sum(c.mark < seen for c in self.organic),
        )


def _part(count: int, share: int) -> int:
    """That share of a count in per cent; one stays one."""
    return (count * share + 99 - share) // 100 if count > 1 else count


@dataclass(frozen=True)
class Demand:
    """What one posting and device saw on one Indeed day, as the rest of the model knows it."""

    paid: tuple[Conversion, ...] = ()
    organic: tuple[Conversion, ...] = ()
    visits: int = 0
    organic_visits: int = 0


class Sketch(NamedTuple):
    """A campaign before it has dates; days count back from the anchor."""

    name: str
    status: str
    department: str
    created: int
    runs: tuple[tuple[int, int | None], ...]
    cents_per_click: int
    most: int = 8

    def wants(self, posting: Posting) -> bool:
        """Whether it advertises a posting: those of a department, or the students' ones."""
        is_junior = "Intern" in posting.title or "Student" in posting.title
        if self.department == "juniors" or is_junior:
            return is_junior and self.department == "juniors"
        return posting.department == self.department and not posting.requisition.endswith("3")


SKETCHES = (
    Sketch("Engineering Berlin", "ACTIVE", "Engineering", HISTORY_DAYS, ((HISTORY_DAYS, None),), 132, most=6),
    Sketch("Ingenieure München", "ACTIVE", "Engineering", HISTORY_DAYS, ((HISTORY_DAYS, 290), (200, None)), 118),
    Sketch("Robotics Research 🤖", "ACTIVE", "Research", 380, ((380, None),), 155),
    Sketch("Sales & Support", "PAUSED", "Sales", 400, ((400, 41),), 88),
    Sketch("Operations – Fertigung", "ACTIVE", "Operations", 210, ((210, None),), 64),
    Sketch("Summer interns ☀", "DELETED", "juniors", 330, ((330, 240),), 47),
    Sketch("Support hubs", "PAUSED", "Support", 300, ((300, 180), (120, 12)), 59),
    Sketch("New year push", "DELETED", "Finance", 320, ((320, 285),), 95),
    Sketch("People team (planned)", "PAUSED", "nobody yet", 20, (), 80),
)


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

    def _row(self, rng: random.Random, campaign: Campaign, key: tuple[str, str, date], seen: Demand) -> AdRow:
        requisition, device, day = key
        posting = self.postings[requisition]
        scale = self.season.demand(day) * posting.weight * (1.3 if device == "mobile" else 0.8)
        scale *= 1.0 if posting.is_open(day) else 0.0
        running = campaign.runs_on(day)
        starts = len(seen.paid) + poisson(rng, 0.5 * len(seen.paid) + 0.1 * scale * running)
        clicks = max(starts + poisson(rng, 0.9 * scale * running), seen.visits)
        organic_starts = len(seen.organic) + poisson(rng, 0.4 * len(seen.organic) + 0.05 * scale)
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
                conversions=len(seen.paid),
                apply_conversions=sum(c.is_hosted for c in seen.paid),
                spend_minor=spend,
                organic_impressions=organic_clicks * rng.randint(15, 30) + poisson(rng, 6 * scale),
                organic_clicks=organic_clicks,
                organic_apply_starts=organic_starts,
                organic_conversions=len(seen.organic),
            ),
            paid=seen.paid,
            organic=seen.organic,
        )


def build_campaigns(anchor: date, postings: Iterable[Posting]) -> tuple[Campaign, ...]:
    """Nine campaigns in all three states; a posting is in at most one, and a third are in none."""
    ordered = list(postings)
    taken: set[str] = set()
    built: list[Campaign] = []
    for sketch in SKETCHES:
        chosen = [p.requisition for p in ordered if sketch.wants(p) and p.requisition not in taken]
        requisitions = tuple(chosen[: sketch.most])
        taken.update(requisitions)
        built.append(_campaign(anchor, sketch, requisitions))
    return tuple(built)


def _campaign(anchor: date, sketch: Sketch, requisitions: tuple[str, ...]) -> Campaign:
    def ago(days: int) -> date:
        return anchor - timedelta(days=days)

    runs = tuple((ago(first), None if last is None else ago(last)) for first, last in sketch.runs)
    return Campaign(
        id="Av1" + hashlib.sha256(f"campaign:{sketch.name}".encode()).hexdigest()[:13],
        name=sketch.name,
        status=sketch.status,
        tracking=f"{sketch.name.split(maxsplit=1)[0].lower()}-{sketch.cents_per_click}",
        created_on=ago(sketch.created),
        runs=runs,
        reported_until=runs[-1][1] if sketch.status == "DELETED" else None,
        requisitions=requisitions,
        cents_per_click=sketch.cents_per_click,
    )

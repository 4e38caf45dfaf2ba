"""Exports of advertising and analytics dashboards we know by their column names."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Preset:
    """An export known by sight. `signature` are column names, as `columns.spelling` reduces them, all present in it.

    `advice` tells how to get the file by day where the usual export sums a period up.
    """

    key: str
    label: str
    kind: Literal["metrics", "applications"]
    signature: frozenset[str]
    platform: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)
    metric_names: dict[str, str] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    advice: str = ""


PRESETS: tuple[Preset, ...] = (
    Preset(
        key="indeed_campaigns",
        label="Indeed campaign report",
        kind="metrics",
        platform="indeed",
        signature=frozenset(
            {"campaign", "impressions", "clicks", "apply starts", "applies", "spend", "cost per click"}
        ),
        columns={"campaign": "campaign", "day": "date"},
        metrics={
            "impressions": "impressions",
            "clicks": "clicks",
            "apply_starts": "apply starts",
            "applications": "applies",
            "spend": "spend",
        },
        advice="At Indeed, choose the report's breakdown by day before you export it, or export one day at a time.",
    ),
    Preset(
        key="linkedin_postings",
        label="LinkedIn postings",
        kind="metrics",
        platform="linkedin",
        signature=frozenset({"job id", "title", "views", "applies"}),
        columns={"posting_ref": "job id", "posting_title": "title", "day": "date"},
        metrics={"views": "views", "applications": "applies"},
        advice="A list of postings is a snapshot: give the day it was made, or export the numbers by day.",
    ),
    Preset(
        key="ga4_events",
        label="Google Analytics events",
        kind="metrics",
        platform="company_website",
        signature=frozenset({"event name", "event count"}),
        columns={"metric": "event name", "value": "event count", "day": "date"},
        metric_names={
            "page_view": "views",
            "session_start": "sessions",
            "apply_click": "clicks",
            "apply_start": "apply_starts",
            "apply_complete": "applications",
        },
        advice="In Google Analytics, build an exploration with Date and Event name as rows, and export that.",
    ),
    Preset(
        key="google_ads_campaigns",
        label="Google Ads campaign report",
        kind="metrics",
        platform="other",
        signature=frozenset({"campaign", "currency code", "impr", "cost"}),
        columns={"campaign": "campaign", "currency": "currency code", "day": "day"},
        metrics={"impressions": "impr", "clicks": "clicks", "spend": "cost"},
        advice="In Google Ads, add the segment Time → Day to the report before you download it.",
    ),
    Preset(
        key="x_posts",
        label="X analytics by post",
        kind="metrics",
        platform="x",
        signature=frozenset({"tweet id", "time", "impressions", "url clicks"}),
        columns={"posting_ref": "tweet id", "posting_title": "tweet text", "day": "time"},
        metrics={"impressions": "impressions", "clicks": "url clicks"},
        advice="Numbers of a post are booked on the day it was posted.",
    ),
)

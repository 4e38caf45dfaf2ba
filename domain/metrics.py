"""What is counted: one definition a metric, with its unit, over what it adds and which date it hangs on."""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["count", "seconds", "money"]
Axis = Literal["day", "posting", "platform"]
EVERYWHERE: frozenset[Axis] = frozenset({"day", "posting", "platform"})


@dataclass(frozen=True, slots=True)
class Metric:
    """`number` is stored in fact keys and never changes. `adds_over` names the axes a sum makes sense on."""

    number: int
    name: str
    label: str
    unit: Unit
    adds_over: frozenset[Axis]
    date_basis: str
    meaning: str


METRICS: tuple[Metric, ...] = (
    Metric(
        1,
        "impressions",
        "Impressions",
        "count",
        EVERYWHERE,
        "day shown",
        "Times a posting was shown to somebody.",
    ),
    Metric(2, "views", "Views", "count", EVERYWHERE, "day viewed", "Times the page of a posting was opened."),
    Metric(3, "clicks", "Clicks", "count", EVERYWHERE, "day clicked", "Clicks that led towards applying."),
    Metric(
        4,
        "apply_starts",
        "Apply starts",
        "count",
        EVERYWHERE,
        "day started",
        "Application forms that somebody began.",
    ),
    Metric(
        5,
        "applications",
        "Applications",
        "count",
        EVERYWHERE,
        "day applied",
        "Applications sent, each counted once.",
    ),
    Metric(
        6,
        "interviews",
        "Interviews",
        "count",
        EVERYWHERE,
        "day the stage was reached",
        "Applicants who reached an interview.",
    ),
    Metric(
        7,
        "offers",
        "Offers",
        "count",
        EVERYWHERE,
        "day the stage was reached",
        "Applicants who were made an offer.",
    ),
    Metric(8, "hires", "Hires", "count", EVERYWHERE, "day the stage was reached", "Applicants who were hired."),
    Metric(
        9,
        "sessions",
        "Sessions",
        "count",
        frozenset({"day", "platform"}),
        "day the session began",
        "Visits to the careers pages of the company's own site. One visit may see several postings.",
    ),
    Metric(
        10,
        "engaged_sessions",
        "Engaged sessions",
        "count",
        frozenset({"day", "platform"}),
        "day the session began",
        "Visits of over ten seconds, with two page views or more, or with a key event.",
    ),
    Metric(
        11,
        "engagement_seconds",
        "Engagement time",
        "seconds",
        frozenset({"day", "platform"}),
        "day the session began",
        "Seconds during which the page was in the foreground.",
    ),
    Metric(
        12,
        "reach",
        "Reach",
        "count",
        frozenset(),
        "day shown",
        "Different people reached. Adds over nothing.",
    ),
    Metric(
        13,
        "referrals_sent",
        "Referrals sent",
        "count",
        EVERYWHERE,
        "day sent",
        "Candidates recommended by employees.",
    ),
    Metric(
        14,
        "spend",
        "Spend",
        "money",
        EVERYWHERE,
        "day charged",
        "Money charged by the platform, in minor units.",
    ),
)

BY_NAME = {metric.name: metric for metric in METRICS}
BY_NUMBER = {metric.number: metric for metric in METRICS}

#: The hiring funnel, in its order.
FUNNEL = ("impressions", "clicks", "apply_starts", "applications", "interviews", "hires")
#: Dated facts that come only from applications, never from what a platform claims.
FROM_APPLICATIONS = ("interviews", "offers", "hires")


def metric(name: str) -> Metric:
    """The metric called `name`; KeyError when there is none.

    >>> metric("spend").unit
    'money'
    >>> sorted(metric("reach").adds_over)
    []
    """
    return BY_NAME[name]

"""A posting that every platform takes, and the boards on which it may stand."""

from datetime import date
from typing import Any

from connectors.publishing import Draft
from connectors.registry import CONNECTORS
from domain.adverts import Advert, Question
from sandbox.launch import Sandbox

ADVERT = Advert(
    description="You build <robots> & their grippers.\n\nYou have done so before.",
    city="Austin",
    region="TX",
    postal_code="78701",
    country="US",
    salary_min=120_000,
    salary_max=150_000,
    salary_currency="USD",
    questions=(Question(text="May you work here?", kind="select", is_required=True, choices=("Yes", "No")),),
)
DRAFT = Draft(
    ref="REQ-7/a-0f3a9c",
    requisition_ref="REQ-7",
    title='Gripper engineer "arms" & <b>hands</b>',
    company="Halden Robotics",
    apply_url="https://careers.halden.example/l/abc?utm_source=board&utm_campaign=x",
    opened_on=date(2026, 11, 2),
    advert=ADVERT,
)


def draft_with(draft: Draft = DRAFT, **changes: Any) -> Draft:
    """The same posting but for some fields of it or of its advert."""
    own = {name: value for name, value in changes.items() if name in Draft.model_fields}
    more = {name: value for name, value in changes.items() if name not in Draft.model_fields}
    return draft.model_copy(update={**own, "advert": draft.advert.model_copy(update=more)})


def ads(sandbox: Sandbox, key: str) -> dict[str, dict[str, Any]]:
    """What stands on the board of a connector's platform, by our reference."""
    return {ad["ref"]: ad for ad in sandbox.control("boards")[CONNECTORS[key].platform]["ads"]}


def told(sandbox: Sandbox, key: str) -> list[dict[str, Any]]:
    """What a platform was told of its applicants."""
    found: list[dict[str, Any]] = sandbox.control("boards")[CONNECTORS[key].platform]["told"]
    return found

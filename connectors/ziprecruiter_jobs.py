"""ZipRecruiter's words for a posting, a hiring signal and what is wrong with either: pure translations."""

from datetime import UTC
from typing import Any
from urllib.parse import quote

from connectors.answers import Answer
from connectors.publishing import Draft, Outcome, Published
from connectors.wording import clean
from domain.adverts import description_html

API = "https://api.ziprecruiter.com/partner/v0/job"
COUNTRIES = ("US", "CA", "AU")
JOB_TYPES = {
    "full_time": "full_time",
    "part_time": "part_time",
    "contractor": "contractor",
    "temporary": "temporary",
    "internship": "other",
    "other": "other",
}
#: Our stage → ZipRecruiter's event. It has no word for somebody who withdraws.
EVENTS = {
    "applied": "received",
    "reviewed": "viewed",
    "interviewed": "interviewed",
    "offered": "offered",
    "hired": "hired",
    "rejected": "rejected",
    "withdrawn": "unable_to_map",
}
#: Their field → ours, for what they say is wrong.
_FIELDS = {
    "title": "title",
    "description": "description",
    "job_type": "employment_type",
    "country": "country",
    "city": "city",
    "state": "region",
    "postal_code": "postal_code",
    "apply_url": "apply_url",
    "compensation_min": "salary_min",
    "compensation_max": "salary_max",
    "compensation_currency": "salary_currency",
    "questions": "questions",
    "TrafficBoost": "boost",
}


def address(ref: str) -> str:
    """Where a posting is, by our id."""
    return f"{API}/{quote(ref, safe='')}"


def body(draft: Draft, employer_id: str, employer_name: str) -> dict[str, Any]:
    """The posting in ZipRecruiter's words. https://www.ziprecruiter.com/partner/documentation/#job-api"""
    advert = draft.advert
    told: dict[str, Any] = {
        "job_id": draft.ref,
        "employer_id": employer_id,
        "employer_name": employer_name,
        "title": draft.title,
        "description": description_html(advert),
        "job_type": JOB_TYPES[advert.employment_type],
        "country": advert.country,
        "city": advert.city,
        "state": advert.region,
        "postal_code": advert.postal_code,
        "apply_url": draft.apply_url,
        "partner_attributes": {"requisition": draft.requisition_ref} if draft.requisition_ref else {},
    }
    if advert.salary_unit == "year":
        told |= {"compensation_min": advert.salary_min, "compensation_max": advert.salary_max}
        told["compensation_currency"] = advert.salary_currency
    return {name: value for name, value in told.items() if value not in (None, "", {})}


def questions(draft: Draft) -> list[dict[str, Any]]:
    """The form of a question is not documented; names follow those of the answers that the webhook brings."""
    return [
        {
            "id": f"q{number}",
            "type": question.kind,
            "question": question.text,
            "required": question.is_required,
            **({"options": list(question.choices)} if question.choices else {}),
        }
        for number, question in enumerate(draft.advert.questions, 1)
    ]


def signal(outcome: Outcome) -> dict[str, Any]:
    """One stage reached, as a hiring signal."""
    at = outcome.at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    told = {
        "zr_application_id": outcome.application_ref,
        "event": EVENTS.get(outcome.stage, "unable_to_map"),
        "event_timestamp": at,
        "status_name": outcome.stage.capitalize(),
    }
    return {**told, "reason": outcome.reason or "other"} if told["event"] == "rejected" else told


def published(ref: str, answer: Answer) -> Published:
    """As the answer says where it says anything: that ZipRecruiter took it is all that is documented."""
    told = answer.peek()
    is_closed = isinstance(told, dict) and told.get("status") == "closed"
    return Published(ref, "closed" if is_closed else "live")


def wrong_with(answer: Answer) -> dict[str, str]:
    """What is wrong by our field: a list of errors with fields where the body has one, else the status alone."""
    told = answer.peek()
    errors = told.get("errors") if isinstance(told, dict) else None
    found: dict[str, str] = {}
    for each in errors if isinstance(errors, list) else []:
        if isinstance(each, dict):
            name = _FIELDS.get(str(each.get("field", "")), "")
            words = clean(str(each.get("message", "")), 300)
            found[name] = f"{found[name]} {words}" if name in found else words
    return found or {"": f"ZipRecruiter does not accept it (status {answer.status})."}

"""Indeed's GraphQL in words: the operations, a posting, an outcome, and what the `errors` of a 200 stand for."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.errors import AuthExpired, ConfigError, ConnectorError, Rejected, SchemaDrift, Transient
from connectors.publishing import Draft, Outcome, Published, Refused, Status
from connectors.redaction import redact
from connectors.wording import clean
from domain.adverts import description_html
from domain.money import exponent

PROBE = "query Probe { nodes(ids: []) { id } }"
CREATE = """mutation Create($input: CreateSourcedJobPostingsInput!) {
  jobsIngest { createSourcedJobPostings(input: $input) {
    results { jobPosting { sourcedPostingId employerJobId } }
  } }
}"""
EXPIRE = """mutation Expire($input: ExpireSourcedJobsBySourcedPostingIdInput!) {
  jobsIngest { expireSourcedJobsBySourcedPostingId(input: $input) { results { trackingKey } } }
}"""
STATUS = """query Status($id: ID!) {
  node(id: $id) { id ... on EmployerJob { seats { jobPost { status {
    globalStatus { lifecycleStatus }
    surfaceStatuses { isRejected isSponsorshipRequired isMissingRequiredSponsorship }
  } } } } }
}"""
SEND = """mutation Send($input: SendPartnerDispositionInput!) {
  partnerDisposition { send(input: $input) {
    numberGoodDispositions
    failedDispositions { identifiedBy { indeedApplyID } rationale }
  } }
}"""
LIFECYCLES: dict[str, Status] = {"PENDING": "pending", "ACTIVE": "live", "INACTIVE": "closed"}
PERIODS = {"hour": "HOUR", "day": "DAY", "week": "WEEK", "month": "MONTH", "year": "YEAR"}
#: Our stage → Indeed's disposition.
DISPOSITIONS = {
    "applied": "NEW",
    "reviewed": "REVIEW",
    "interviewed": "INTERVIEW",
    "offered": "OFFER_MADE",
    "hired": "HIRED",
    "rejected": "NOT_SELECTED",
    "withdrawn": "WITHDRAWN",
}
#: Their field → ours, the more particular first: what an error names is looked for in this order.
_FIELDS = {
    "cityRegionPostal": "city",
    "streetAddress": "street",
    "country": "country",
    "location": "city",
    "title": "title",
    "description": "description",
    "minimumMinor": "salary_min",
    "maximumMinor": "salary_max",
    "currency": "salary_currency",
    "salary": "salary_min",
    "url": "apply_url",
}


def posting(draft: Draft, source_name: str, employer: str) -> dict[str, Any]:
    """A posting as createSourcedJobPostings takes it. https://docs.indeed.com/job-sync-api"""
    advert = draft.advert
    place = ", ".join(part for part in (advert.city, f"{advert.region} {advert.postal_code}".strip()) if part)
    location = {"country": advert.country, "cityRegionPostal": place, "streetAddress": advert.street}
    metadata = {
        "jobSource": {"companyName": employer or draft.company, "sourceName": source_name, "sourceType": "Employer"},
        "jobPostingId": draft.ref,
        "jobRequisitionId": draft.requisition_ref,
        "datePublished": f"{draft.opened_on:%Y-%m-%d}T00:00Z" if draft.opened_on else "",
        "url": draft.apply_url,
    }
    body = {
        "title": draft.title,
        "description": description_html(advert),
        "descriptionFormatting": "RICH_FORMATTING",
        "location": _told(location),
        "salary": _salary(draft),
    }
    return {"body": _told(body), "metadata": _told(metadata)}


def disposition(outcome: Outcome) -> dict[str, Any]:
    """An outcome as partnerDisposition.send takes it. https://docs.indeed.com/api/disposition"""
    return {
        "dispositionStatus": DISPOSITIONS.get(outcome.stage, "UNABLE_TO_MAP"),
        "rawDispositionStatus": outcome.stage.capitalize(),
        "identifiedBy": {"indeedApplyID": outcome.application_ref},
        "atsName": "Sourceboard",
        "applicationSourceName": "Indeed",
        "statusChangeDateTime": outcome.at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


def refusals(outcomes: Sequence[Outcome], data: Mapping[str, Any]) -> list[str]:
    """Indeed's words for each outcome, "" for one it took. Raises SchemaDrift."""
    told = _at(data, "partnerDisposition", "send")
    failed = told.get("failedDispositions") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(told.get("numberGoodDispositions"), int):
        raise SchemaDrift("the answer does not say how many dispositions were taken")
    words: dict[str, str] = {}
    for each in failed if isinstance(failed, list) else []:
        ref = _at(each, "identifiedBy", "indeedApplyID")
        words[str(ref)] = clean(str(_at(each, "rationale") or "refused"), 300)
    return [words.get(outcome.application_ref, "") for outcome in outcomes]


def created(draft: Draft, data: Mapping[str, Any]) -> Published:
    """What became of the one posting of a call. Raises SchemaDrift."""
    results = _at(data, "jobsIngest", "createSourcedJobPostings", "results")
    made = _at(results[0], "jobPosting") if isinstance(results, list) and len(results) == 1 else None
    sourced = _at(made, "sourcedPostingId")
    if not isinstance(sourced, str) or not sourced:
        raise SchemaDrift("the answer does not say which posting was made")
    handles = {"sourced_posting": sourced, "employer_job": _at(made, "employerJobId")}
    return Published(draft.ref, "pending", handles={name: value for name, value in handles.items() if value})


def standing(ref: str, data: Mapping[str, Any]) -> Published | None:
    """How a posting stands; None where Indeed does not say. One refused on any surface is refused."""
    seats = _at(data, "node", "seats")
    states = [_at(seat, "jobPost", "status") for seat in seats] if isinstance(seats, list) else []
    lifecycles = [_at(state, "globalStatus", "lifecycleStatus") for state in states]
    found = next((LIFECYCLES[word] for word in ("ACTIVE", "PENDING", "INACTIVE") if word in lifecycles), None)
    if found is None:
        return None
    surfaces = [surface for state in states for surface in _at(state, "surfaceStatuses") or []]
    if any(_at(surface, "isRejected") for surface in surfaces):
        return Published(ref, "rejected", "Indeed does not show this posting: it breaks its rules for postings.")
    missing = any(_at(surface, "isMissingRequiredSponsorship") for surface in surfaces)
    return Published(ref, found, "Indeed shows this posting only when it is sponsored." if missing else "")


def error_of(errors: Sequence[Any]) -> ConnectorError:
    """The error that a 200 with `errors` stands for. https://docs.indeed.com/job-sync-api/troubleshoot-errors"""
    first = errors[0] if errors and isinstance(errors[0], dict) else {}
    code = str(_at(first, "extensions", "code") or "")
    words = redact(clean(f"{code}: {first.get('message', '')}".strip(": "), 400))
    if code in {"BAD_USER_INPUT", "BAD_REQUEST"}:
        return Refused(_problems(errors))
    if code in {"DOWNSTREAM_SERVICE_ERROR", "INTERNAL_SERVER_ERROR"}:
        return Transient(words, cause="server_error")
    known: dict[str, ConnectorError] = {
        "UNAUTHENTICATED": AuthExpired(words),
        "FORBIDDEN": ConfigError(words, cause="no_permission"),
        "NOT_FOUND": ConfigError(words, cause="account_unknown"),
        "GRAPHQL_PARSE_FAILED": Rejected(words),
    }
    return known.get(code) or SchemaDrift(f"an error without a code we know: {words}")


def published_at(now: datetime) -> str:
    """A posting's date of publishing where we know none."""
    return f"{now.astimezone(UTC):%Y-%m-%d}T00:00Z"


def _problems(errors: Sequence[Any]) -> dict[str, str]:
    """Indeed's words by our field: where an error names one of theirs."""
    found: dict[str, str] = {}
    for error in errors:
        if not isinstance(error, dict):
            continue
        words = clean(str(error.get("message", "")), 300)
        hint = f"{_at(error, 'extensions', 'field') or ''} {words}"
        name = next((ours for theirs, ours in _FIELDS.items() if theirs.casefold() in hint.casefold()), "")
        found[name] = f"{found[name]} {words}" if name in found else words
    return found


def _salary(draft: Draft) -> dict[str, Any] | None:
    advert = draft.advert
    if advert.salary_min is None and advert.salary_max is None:
        return None
    minor = 10 ** exponent(advert.salary_currency)
    told = {
        "currency": advert.salary_currency,
        "period": PERIODS[advert.salary_unit],
        "minimumMinor": None if advert.salary_min is None else advert.salary_min * minor,
        "maximumMinor": None if advert.salary_max is None else advert.salary_max * minor,
    }
    return _told(told)


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "")}


def _at(value: Any, *names: str) -> Any:
    """A value deep inside JSON; None where the way there ends."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value

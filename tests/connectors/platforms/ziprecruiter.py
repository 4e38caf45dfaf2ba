"""ZipRecruiter as the conformance suite meets it."""

import json
import re
from typing import Any

from tests.connectors.traits import FLAG, TEXT, Request, Told, Traits, check_agent, check_shape

PATHS = {
    r"/partner/v0/job": {"POST"},
    r"/partner/v0/job/.+/questions": {"PUT", "DELETE"},
    r"/partner/v0/job/.+/features": {"GET", "POST"},
    r"/partner/v0/job/.+": {"GET", "PUT", "DELETE"},
    r"/hiring-signal/v0/event": {"POST"},
}
JOB = {
    **dict.fromkeys(
        "job_id employer_id employer_name title description job_type country city state postal_code apply_url"
        " compensation_currency".split(),
        TEXT,
    ),
    "compensation_min": int,
    "compensation_max": int,
    "partner_attributes": {"requisition": TEXT},
}
QUESTIONS = {"questions": [{"id": TEXT, "type": TEXT, "question": TEXT, "required": FLAG, "options": [TEXT]}]}
SIGNAL = dict.fromkeys("zr_application_id event event_timestamp status_name reason".split(), TEXT)
SHAPES: tuple[tuple[str, Any], ...] = (
    (r".*/questions", QUESTIONS),
    (r".*/features", {"TrafficBoost": TEXT}),
    (r".*/event", SIGNAL),
    (r".*/job(/.+)?", JOB),
)


def fields(told: Told) -> dict[str, Any]:
    """The partner's key and the employer."""
    return dict(told["ziprecruiter"])


def check_request(request: Request) -> None:
    """Known paths and methods, the key straight after Basic, bodies of known fields."""
    check_agent(request)
    methods = next((found for pattern, found in PATHS.items() if re.fullmatch(pattern, request["path"])), None)
    assert methods is not None, request["path"]
    assert request["method"] in methods
    assert not request["query"]
    if request["method"] in {"POST", "PUT"}:
        assert request["headers"]["content-type"] == "application/json"
        shape = next(shape for pattern, shape in SHAPES if re.fullmatch(pattern, request["path"]))
        check_shape(json.loads(request["body"]), shape, "body")
    else:
        assert not request["body"]


TRAITS = Traits(
    fields=fields,
    check_request=check_request,
    today="company_today",
    wrong={"api_key": "canary-wrong-key"},
    wrong_cause="key_invalid",
    data="/partner/v0/job",
    grant="ziprecruiter_key",
    account="employer_id",
    publishes="/partner/v0/job",
)

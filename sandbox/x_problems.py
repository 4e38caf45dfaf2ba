"""X's refusals: problem documents, and the errors that come along with a partial success."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

TYPES = "https://api.twitter.com/2/problems"


class Problem(Exception):
    """A refusal of the whole request."""

    def __init__(self, status: int, title: str, detail: str = "", kind: str = "about:blank", **more: Any) -> None:
        super().__init__(title)
        self.status = status
        self.body = {"title": title, "detail": detail or title, "type": kind, "status": status, **more}

    def response(self) -> Response:
        """As an answer."""
        return JSONResponse(self.body, self.status, media_type="application/problem+json")


def invalid(name: str, value: str, message: str) -> Problem:
    """A parameter X does not take."""
    detail = "One or more parameters to your request was invalid."
    errors = [{"parameters": {name: [value]}, "message": message}]
    return Problem(400, "Invalid Request", detail, f"{TYPES}/invalid-request", errors=errors)


def no_credits() -> Problem:
    """What was paid for is used up."""
    detail = "Your enrolled account [123] does not have any credits to fulfill this request."
    return Problem(402, "CreditsDepleted", detail, f"{TYPES}/credits", account_id=123)


def capped() -> Problem:
    """The month's posts are read."""
    more = {"period": "Monthly", "scope": "Product", "account_id": 123, "product_name": "pay-per-use"}
    return Problem(429, "UsageCapExceeded", "Usage cap exceeded: Monthly product cap", f"{TYPES}/usage-capped", **more)


def wrong_context(needed: str) -> Problem:
    """A token of the other kind."""
    kinds = {"user": "[OAuth 1.0a User Context, OAuth 2.0 User Context]", "app": "[OAuth 2.0 Application-Only]"}
    given = "OAuth 2.0 Application-Only" if needed == "user" else "OAuth 2.0 User Context"
    detail = f"Authenticating with {given} is forbidden for this endpoint.  Supported authentication types are "
    return Problem(
        403, "Unsupported Authentication", detail + kinds[needed] + ".", f"{TYPES}/unsupported-authentication"
    )


def not_found(what: str, parameter: str, ref: str) -> dict[str, str]:
    """An entry of `errors` for something that is not there."""
    return {
        "value": ref,
        "detail": f"Could not find {what} with {parameter}: [{ref}].",
        "title": "Not Found Error",
        "resource_type": what,
        "parameter": parameter,
        "resource_id": ref,
        "type": f"{TYPES}/resource-not-found",
    }


def not_yours(ref: str, name: str) -> dict[str, str]:
    """An entry of `errors` for numbers that only the owner sees, and only for 30 days."""
    return {
        "resource_id": ref,
        "resource_type": "tweet",
        "parameter": name,
        "section": "data",
        "field": name,
        "title": "Field Authorization Error",
        "detail": f"Sorry, you are not authorized to access '{name}' on the Tweet with ids : [{ref}].",
        "type": f"{TYPES}/not-authorized-for-field",
    }

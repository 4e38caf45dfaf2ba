"""The Graph API's refusals: one envelope, mostly HTTP 400, told apart by a code."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response


class GraphError(Exception):
    """A failure by code, as Meta documents them."""

    def __init__(self, code: int, message: str, *, status: int = 400, subcode: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        kind = "GraphMethodException" if code == 100 and "appsecret_proof" in message else "OAuthException"
        self.error: dict[str, Any] = {"message": message, "type": kind, "code": code, "fbtrace_id": "AbC1xYzHalden"}
        if subcode is not None:
            self.error["error_subcode"] = subcode

    def response(self) -> Response:
        """As an answer; errors of tokens name the scheme too."""
        answer = JSONResponse({"error": self.error}, self.status)
        if self.error["code"] == 190:
            message = self.error["message"]
            answer.headers["www-authenticate"] = f'OAuth "Facebook Platform" "invalid_token" "{message}"'
        return answer


def bad_metric() -> GraphError:
    """One name nobody knows fails the whole request."""
    return GraphError(100, "(#100) The value must be a valid insights metric")


def missing(node: str) -> GraphError:
    """An object that is not there, or not to be seen with this token."""
    words = f"Unsupported get request. Object with ID '{node}' does not exist, cannot be loaded due to missing "
    words += "permissions, or does not support this operation"
    return GraphError(100, words, subcode=33)


def dead_token(subcode: int) -> GraphError:
    """A token that does not work any more."""
    why = {460: "The session has been invalidated because the user changed their password", 463: "Session has expired"}
    return GraphError(190, f"Error validating access token: {why.get(subcode, 'Invalid token')}.", subcode=subcode)

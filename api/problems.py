"""Errors as problem documents (RFC 9457): what happened and what to do, never a path, a query or a secret."""

from http import HTTPStatus
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from actions.running import StoreUnavailable
from actions.sign_in import Throttled, WrongCredentials
from actions.viewer import NotAllowed, NotFound
from store.errors import DatabaseUnwritable

_LOG = structlog.get_logger(__name__)


class Unprocessable(Exception):
    """The request names something we cannot use; `errors` says which parameters and why, `more` what else is known."""

    def __init__(
        self, errors: list[dict[str, str]], detail: str = "Some parameters cannot be used.", **more: Any
    ) -> None:
        super().__init__("; ".join(f"{each['parameter']}: {each['reason']}" for each in errors) or detail)
        self.errors, self.detail, self.more = errors, detail, more


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> JSONResponse:
    """A problem document."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


async def _told(request: Request, error: Exception) -> JSONResponse:
    answer = _answer(error)
    answer.headers.update(getattr(request.state, "limits", {}))
    return answer


def problem_body(error: Exception) -> tuple[int, str] | None:
    """Status and body of a refusal that would come again (4xx); None for what failed on our side."""
    if not isinstance(error, tuple(kind for kind in HANDLERS if kind is not Exception)):
        return None
    answer = _answer(error)
    return (answer.status_code, bytes(answer.body).decode()) if 400 <= answer.status_code < 500 else None


def _answer(error: Exception) -> JSONResponse:
    match error:
        case HTTPException():
            return problem(error.status_code, error.detail, dict(error.headers or {}))
        case Unprocessable():
            return problem(422, error.detail, errors=error.errors, **error.more)
        case Throttled():
            return problem(429, str(error), {"Retry-After": str(error.retry_after)})
        case WrongCredentials():
            return problem(401, str(error), {"WWW-Authenticate": "Bearer"})
        case NotAllowed():
            return problem(403, str(error))
        case NotFound():
            return problem(404, str(error))
        case DatabaseUnwritable():
            told = "The database cannot be written: its disk is full, or its rights are wrong. Nothing was changed."
            return problem(503, told, {"Retry-After": "30"})
        case _:
            return problem(503, "The database cannot be reached. Try again in a moment.", {"Retry-After": "5"})


async def _unexpected(_request: Request, error: Exception) -> JSONResponse:
    request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
    _LOG.error("request failed", exc_info=error)
    return problem(500, "Something went wrong on our side. The log has more under this id.", requestId=request_id)


HANDLERS: dict[Any, Any] = {
    HTTPException: _told,
    Unprocessable: _told,
    Throttled: _told,
    WrongCredentials: _told,
    NotAllowed: _told,
    NotFound: _told,
    StoreUnavailable: _told,
    OperationalError: _told,
    DatabaseUnwritable: _told,
    # Nobody let us write in time.
    TimeoutError: _told,
    Exception: _unexpected,
}

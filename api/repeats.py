"""The Idempotency-Key header: a POST that is sent again gets the first answer again, and does nothing twice."""

import re
from collections.abc import Callable

from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request

from actions.repeats import KeyReused, Repeat, StillUnderWay, begin, finish, forget
from actions.viewer import Viewer
from api.problems import Unprocessable, problem_body
from store.opening import Store
from store.tables.columns import utc_now

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def once(
    request: Request,
    store: Store,
    viewer: Viewer,
    operation: str,
    question: BaseModel,
    carry_out: Callable[[], tuple[int, bytes]],
) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers: carried out now, or as answered the first time.

    Refusals that would come again (4xx) are kept like answers; what failed on our side is not.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return *carry_out(), {}
    if not _KEY.fullmatch(key):
        raise Unprocessable([{"parameter": "Idempotency-Key", "reason": "1 to 255 printable characters, no spaces"}])
    try:
        known = begin(store, viewer, key, f"{operation} {question.model_dump_json()}", now=utc_now())
    except KeyReused as error:
        raise Unprocessable([{"parameter": "Idempotency-Key", "reason": str(error)}]) from None
    except StillUnderWay as error:
        raise HTTPException(409, str(error), {"Retry-After": "5"}) from None
    if known is not None:
        return known.status, known.body.encode(), {"Idempotency-Replayed": "true"}
    try:
        status, body = carry_out()
    except Exception as error:
        refusal = problem_body(error)
        if refusal is None:
            forget(store, viewer, key)
        else:
            finish(store, viewer, key, Repeat(*refusal))
        raise
    except BaseException:
        forget(store, viewer, key)
        raise
    finish(store, viewer, key, Repeat(status, body.decode()))
    return status, body, {}

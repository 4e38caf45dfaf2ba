"""POST /api/auth/token: an e-mail and a password for a bearer token that is good for an hour."""

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actions.running import running_store
from actions.tokens import TOKEN_LIFE, make_token
from api.answers import Answer
from api.bodies import read_json
from api.endpoints import Endpoint
from api.questions import Nothing, TokenQuestion, from_body, from_query
from store.tables.columns import utc_now


class TokenAnswer(Answer):
    """A bearer token and how many seconds it is good for."""

    access_token: str
    token_type: str
    expires_in: int


async def token(request: Request) -> Response:
    """Answers 401 for a wrong pair, 429 with Retry-After after too many, 415 for anything but JSON."""
    from_query(Nothing, request)
    asked = from_body(TokenQuestion, await read_json(request))
    address = request.client.host if request.client else ""
    made = await anyio.to_thread.run_sync(
        lambda: make_token(running_store(), asked.email, asked.password, address=address, now=utc_now())
    )
    seconds = int(TOKEN_LIFE.total_seconds())
    answer = TokenAnswer(access_token=made, token_type="Bearer", expires_in=seconds)  # noqa: S106 - a kind of token
    return Response(msgspec.json.encode(answer), media_type="application/json")


TOKENS = (
    Endpoint(
        method="POST",
        path="/auth/token",
        name="makeToken",
        title="A token for an e-mail and a password",
        about="Good for an hour, with everything the user's role may do. Programs that run for long use an API key.",
        group="Keys",
        question=TokenQuestion,
        answer=TokenAnswer,
        handle=token,
        refusals={401: "That e-mail and password do not match.", 429: "Too many wrong tries from this address."},
    ),
)

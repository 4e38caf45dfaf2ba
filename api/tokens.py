"""POST /api/auth/token: an e-mail and a password for a bearer token that is good for an hour."""

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from actions.running import running_store
from actions.tokens import TOKEN_LIFE, make_token
from api.bodies import read_json
from api.questions import TokenQuestion, from_body
from store.tables.columns import utc_now


async def token(request: Request) -> Response:
    """Answers 401 for a wrong pair, 429 with Retry-After after too many, 415 for anything but JSON."""
    asked = from_body(TokenQuestion, await read_json(request))
    address = request.client.host if request.client else ""
    made = await anyio.to_thread.run_sync(
        lambda: make_token(running_store(), asked.email, asked.password, address=address, now=utc_now())
    )
    seconds = int(TOKEN_LIFE.total_seconds())
    return JSONResponse({"accessToken": made, "tokenType": "Bearer", "expiresIn": seconds})


TOKEN_ROUTES = [Route("/auth/token", token, methods=["POST"])]

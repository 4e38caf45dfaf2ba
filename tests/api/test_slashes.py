"""Strangers' addresses with a slash too many are nobody's, and send nobody anywhere."""

import httpx
import pytest
from starlette.applications import Starlette

from server import routes
from tests.loops import run


@pytest.mark.parametrize(
    "path", ["/r/kmwpx-3hnkr-7tzvd/", "/r/kmwpx-3hnkr-7tzvd/apply/", "/r/stop/x/", "/l/some-link/"]
)
def test_a_slash_at_the_end_sends_no_code_on_by_http(path):
    app = Starlette(routes=[route for route in routes() if getattr(route, "path", "") in {"/r", "/l"}])

    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="https://hiring.example") as client:
            return await client.get(path)

    answer = run(ask())
    assert (answer.status_code, "location" in answer.headers) == (404, False)

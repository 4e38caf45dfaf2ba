"""/api/mcp: the API's questions as tools for language models, read only, with an API key.

Model Context Protocol over streamable HTTP, each request answered by one JSON document. Since 2026-07-28 requests stand
alone; clients of earlier versions begin with `initialize`, which needs no memory here either.
https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http
"""

from collections.abc import Mapping, Sequence
from typing import Any

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from actions.running import running_store
from api.bodies import read_json
from api.endpoints import Endpoint, open_reading
from api.identity import Caller, admit
from api.openapi import tidy
from api.problems import Unprocessable
from api.questions import from_body

STATELESS = "2026-07-28"
HANDSHAKES = ("2025-11-25", "2025-06-18", "2025-03-26")
_VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
_SCOPE = "metrics:read"
_SERVER = {"name": "sourceboard", "title": "Sourceboard", "version": "1"}
_ABILITIES = {"tools": {"listChanged": False}}
_MANUAL = (
    "Where a company's applicants come from. Ask getDictionary for the metrics there are, then query. Days are those"
    " of the company's zone and `to` is not included; money is in minor units; null means that nothing was read."
)
#: Tools change with the program only.
_CACHED = {"ttlMs": 3_600_000, "cacheScope": "private"}
_INVALID_REQUEST, _NO_METHOD, _INVALID_PARAMS, _HEADER_MISMATCH, _VERSION = -32600, -32601, -32602, -32020, -32022
_STATUSES = {_NO_METHOD: 404}


class _Refused(Exception):
    """A JSON-RPC error."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data


def mcp_routes(endpoints: Sequence[Endpoint]) -> list[Route]:
    """The route of the tools among these endpoints."""
    tools = {endpoint.name: endpoint for endpoint in endpoints if endpoint.is_tool}

    async def mcp(request: Request) -> Response:
        caller = await anyio.to_thread.run_sync(admit, request, _SCOPE)
        message = await read_json(request)
        if "id" not in message:
            return Response(status_code=202, headers=request.state.limits)
        try:
            result = await anyio.to_thread.run_sync(_answer, tools, caller, request, message)
            answer: dict[str, Any] = {"result": result}
            status = 200
        except _Refused as error:
            more = {} if error.data is None else {"data": error.data}
            answer = {"error": {"code": error.code, "message": error.message, **more}}
            status = _STATUSES.get(error.code, 400)
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], **answer}, status, request.state.limits)

    return [Route("/mcp", mcp, methods=["POST"])]


def _answer(
    tools: Mapping[str, Endpoint], caller: Caller, request: Request, message: Mapping[str, Any]
) -> dict[str, Any]:
    method, told = message.get("method"), message.get("params", {})
    if message.get("jsonrpc") != "2.0" or not isinstance(method, str) or not isinstance(told, dict):
        raise _Refused(_INVALID_REQUEST, "Not a JSON-RPC 2.0 request.")
    if not isinstance(message["id"], str | int) or isinstance(message["id"], bool):
        raise _Refused(_INVALID_REQUEST, "An id is a text or a whole number.")
    _require_version(request, method, told)
    match method:
        case "server/discover":
            found = {"supportedVersions": [STATELESS, *HANDSHAKES], "serverInfo": _SERVER, **_CACHED}
            return {**found, "capabilities": _ABILITIES, "instructions": _MANUAL, "resultType": "complete"}
        case "initialize":
            asked = told.get("protocolVersion")
            version = asked if asked in HANDSHAKES else HANDSHAKES[0]
            return {
                "protocolVersion": version,
                "capabilities": _ABILITIES,
                "serverInfo": _SERVER,
                "instructions": _MANUAL,
            }
        case "ping":
            return {}
        case "tools/list":
            return {"tools": [_tool(each) for each in tools.values()], "resultType": "complete", **_CACHED}
        case "tools/call":
            return _called(tools, caller, told)
        case _:
            raise _Refused(_NO_METHOD, f"There is no method {method[:100]!r}.")


def _require_version(request: Request, method: str, told: Mapping[str, Any]) -> None:
    """A request that stands alone tells its version, in body and header alike; others told it at the handshake."""
    meta = told.get("_meta", {})
    version = meta.get(_VERSION_KEY) if isinstance(meta, dict) else None
    header = request.headers.get("mcp-protocol-version")
    if version is None:
        if header == STATELESS:
            raise _Refused(_INVALID_PARAMS, f"params._meta must tell {_VERSION_KEY}.")
        return
    if header != version or request.headers.get("mcp-method") != method:
        raise _Refused(_HEADER_MISMATCH, "The headers Mcp-Protocol-Version and Mcp-Method must say what the body says.")
    if version != STATELESS:
        raise _Refused(_VERSION, "That version is not spoken here.", {"supported": [STATELESS], "requested": version})


def _tool(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "name": endpoint.name,
        "title": endpoint.title,
        "description": f"{endpoint.title}. {endpoint.about}".strip(),
        "inputSchema": tidy(endpoint.question.model_json_schema(by_alias=True)),
        "annotations": {"readOnlyHint": True, "openWorldHint": False},
    }


def _called(tools: Mapping[str, Endpoint], caller: Caller, told: Mapping[str, Any]) -> dict[str, Any]:
    endpoint = tools.get(str(told.get("name")))
    arguments = told.get("arguments", {})
    if endpoint is None or not isinstance(arguments, dict):
        raise _Refused(_INVALID_PARAMS, "There is no such tool, or its arguments are no object.")
    if endpoint.scope not in caller.scopes:
        return _result(f"This key lacks the scope {endpoint.scope}.", is_error=True)
    try:
        question = from_body(endpoint.question, arguments)
        with running_store().reading() as session:
            body, _ = endpoint.body(open_reading(session, caller, {}), question, [])
    except Unprocessable as error:
        return _result(str(error), is_error=True)
    assert body is not None
    return {**_result(body.decode(), is_error=False), "structuredContent": msgspec.json.decode(body)}


def _result(words: str, *, is_error: bool) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": words}], "isError": is_error, "resultType": "complete"}

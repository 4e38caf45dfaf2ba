"""/api/openapi.json, and /api/docs: Swagger UI from its own files, without any other site's help.

Both are open to everybody: they tell what the program can be asked, and nothing of any company.
"""

import importlib.util
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from api.endpoints import Endpoint
from api.openapi import document

_FILES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API · Sourceboard</title>
<link rel="icon" href="/api/docs/favicon-32x32.png">
<link rel="stylesheet" href="/api/docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/api/docs/swagger-ui-bundle.js"></script>
<script src="/api/docs/start.js"></script>
</body>
</html>
"""
_SCRIPT = """window.docs = SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
  persistAuthorization: false,
});
"""


def docs_routes(endpoints: Sequence[Endpoint]) -> list[Route]:
    """The routes of the document and its page."""
    body = json.dumps(document(endpoints)).encode()

    async def openapi(_request: Request) -> Response:
        return Response(body, media_type="application/json")

    return [
        Route("/openapi.json", openapi, methods=["GET"]),
        Route("/docs", _page, methods=["GET"]),
        Route("/docs/start.js", _start, methods=["GET"]),
        Route("/docs/{name}", _file, methods=["GET"]),
    ]


async def _page(_request: Request) -> Response:
    return HTMLResponse(_PAGE)


async def _start(_request: Request) -> Response:
    return Response(_SCRIPT, media_type="text/javascript")


async def _file(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _FILES:
        raise HTTPException(404, "Not Found")
    return FileResponse(_folder() / name, media_type=_FILES[name])


@lru_cache(maxsize=1)
def _folder() -> Path:
    """Swagger UI's files; the package that brings them is found and not imported."""
    found = importlib.util.find_spec("flask_swagger_ui")
    if found is None or found.origin is None:
        raise RuntimeError("Swagger UI's files are not installed.")
    return Path(found.origin).parent / "dist"

"""The OpenAPI 3.1 document, made from the endpoints' declarations."""

import inspect
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from pydantic.json_schema import models_json_schema

from api.endpoints import Endpoint
from api.questions import Strict
from domain.access import SCOPES

VERSION = "1"
_REF = "#/components/schemas/{name}"
_PROBLEM = {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}}
WORDS = {
    304: "Not modified: the tag is still good.",
    400: "Not a request that can be read.",
    401: "No key, or one that is not good.",
    403: "The key or its user may not do this.",
    404: "There is no such thing, or it is another company's.",
    405: "The path is there, the method is not.",
    408: "The body took too long.",
    409: "The first request with this Idempotency-Key is still under way.",
    413: "The body is larger than 64 kB.",
    415: "The body is not JSON.",
    422: "Some parameters cannot be used; `errors` says which and why.",
    429: "Too many requests in this minute; `Retry-After` says when to go on.",
    503: "The database cannot be reached, or is busy. Try again.",
}
_ABOUT = """The same numbers as on the screens, by the same reports.

Send an API key (made by an admin under *API keys*) as `Authorization: Bearer sb_…`. A signed-in browser may read too.
Days are those of the company's zone, `to` is not included, money is in minor units of its currency, `null` means that
nothing was read and 0 that nothing happened. Errors are problem documents (RFC 9457). A GET's JSON carries an `ETag`:
ask again with `If-None-Match`. Files carry none: they are made while they are sent. A POST with an `Idempotency-Key`
may be sent twice. Lists go on with `cursor=nextCursor`."""
_HEADERS: dict[str, dict[str, Any]] = {
    "ETag": {"description": "Tag of this answer.", "schema": {"type": "string"}},
    "RateLimit-Limit": {"description": "Requests a minute.", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
    "RateLimit-Remaining": {
        "description": "What is left of them.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "RateLimit-Reset": {
        "description": "Seconds until they are new.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
}


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The OpenAPI document of these endpoints."""
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        paths.setdefault(f"/api{endpoint.path}", {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sourceboard API", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": group} for group in dict.fromkeys(endpoint.group for endpoint in endpoints)],
        "paths": paths,
        "components": {
            "schemas": _schemas(endpoints),
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Scopes: " + "; ".join(f"`{one.name}`: {one.meaning}" for one in SCOPES),
                }
            },
        },
    }


def parameters_of(question: type[Strict]) -> list[dict[str, Any]]:
    """The query parameters of a question."""
    schema = question.model_json_schema(by_alias=True)
    required = set(schema.get("required", ()))
    found = []
    for name, told in schema.get("properties", {}).items():
        words = str(told.pop("description", ""))
        entry: dict[str, Any] = {"name": name, "in": "query", "required": name in required, "description": words}
        found.append({**entry, "schema": tidy(told)})
    return found


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    is_get = endpoint.method == "GET"
    inputs = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]
    inputs += parameters_of(endpoint.question) if is_get else []
    if is_get:
        inputs.append(_header("If-None-Match", "Tag of an answer that is known.", {}))
    elif endpoint.scope and endpoint.handle is None:
        words = "A name for this request, so that it may be sent twice."
        inputs.append(_header("Idempotency-Key", words, {"minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}))
    told: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.title,
        "description": endpoint.about,
        "tags": [endpoint.group],
        "parameters": inputs,
        "responses": _responses(endpoint),
        "security": [{"key": []}] if endpoint.scope else [],
    }
    if endpoint.scope:
        told["x-scope"] = endpoint.scope
    if not is_get:
        schema = {"$ref": _REF.format(name=endpoint.question.__name__)}
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return told


def _header(name: str, words: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": words,
        "schema": {"type": "string", **schema},
    }


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    statuses = [422, 503]
    if endpoint.scope:
        statuses += [400, 401, 403, 429]
    if endpoint.method == "POST":
        statuses += [400, 408, 413, 415]
        statuses += [409] if endpoint.scope and endpoint.handle is None else []
    words = {**{status: WORDS[status] for status in statuses}, **(endpoint.refusals or {})}
    found: dict[str, Any] = {
        str(endpoint.status): {
            "description": HTTPStatus(endpoint.status).phrase,
            "content": {kind: _content(endpoint, kind) for kind in endpoint.media},
            "headers": {
                name: {**header, "required": True} for name, header in _HEADERS.items() if _tells(endpoint, name)
            },
        }
    }
    if _tells(endpoint, "ETag"):
        found["304"] = {"description": WORDS[304]}
    for status in endpoint.other_statuses:
        found[str(status)] = found[str(endpoint.status)] | {"description": HTTPStatus(status).phrase}
    for status in sorted(words):
        found[str(status)] = {"description": words[status], "content": _PROBLEM}
    return found


def _tells(endpoint: Endpoint, name: str) -> bool:
    """Whether an endpoint's answers carry this header."""
    if name == "ETag":
        return endpoint.method == "GET" and endpoint.handle is None
    return bool(endpoint.scope)


def _content(endpoint: Endpoint, kind: str) -> dict[str, Any]:
    if kind != "application/json":
        return {"schema": {"type": "string"}}
    return {"schema": {"$ref": _REF.format(name=endpoint.answer.__name__)}}


def _schemas(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    answers = [endpoint.answer for endpoint in endpoints if endpoint.answer is not None]
    _, made = msgspec.json.schema_components(answers, ref_template=_REF)
    found = {name: _untitled(schema) for name, schema in made.items()}
    bodies = [endpoint.question for endpoint in endpoints if endpoint.method == "POST"]
    _, told = models_json_schema(
        [(body, "validation") for body in dict.fromkeys(bodies)], ref_template="#/components/schemas/{model}"
    )
    found |= {name: tidy(schema) for name, schema in told.get("$defs", {}).items()}
    found["Problem"] = {
        "type": "object",
        "description": "What happened and what to do (RFC 9457).",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "requestId": {"type": "string"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["parameter", "reason"],
                    "properties": {"parameter": {"type": "string"}, "reason": {"type": "string"}},
                },
            },
        },
    }
    return dict(sorted(found.items()))


def tidy(schema: Any) -> Any:
    """A schema without pydantic's titles, and without null where a parameter can only be left out."""
    if isinstance(schema, list):
        return [tidy(each) for each in schema]
    if not isinstance(schema, Mapping):
        return inspect.cleandoc(schema) if isinstance(schema, str) else schema
    if "anyOf" in schema:
        kept = [each for each in schema["anyOf"] if each != {"type": "null"}]
        rest = {key: value for key, value in schema.items() if key not in {"anyOf", "default", "title"}}
        if len(kept) == 1:
            return tidy({**kept[0], **rest})
    return {
        key: _tidy_properties(value) if key == "properties" else tidy(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
    }


def _untitled(schema: Mapping[str, Any]) -> dict[str, Any]:
    """An answer's schema with its description as one paragraph."""
    words = inspect.cleandoc(str(schema.get("description", "")))
    return {**schema, "description": words}


def _tidy_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tidy(value) for name, value in properties.items()}

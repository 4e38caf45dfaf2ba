"""docs/api.md, made from the OpenAPI document: `python manage.py openapi --markdown`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from api.openapi import WORDS
from domain.access import SCOPES

_HEAD = """# The API

This page is made from the code: `python manage.py openapi --markdown > docs/api.md`. The same for programs is at
`/api/openapi.json` (`manage.py openapi` prints it), and to try out at `/api/docs`.

{about}

`API_REQUESTS_PER_MINUTE` limits how often a key may ask, and `API_EXPORTS` how many exports run at the same time.
`API_CORS_ORIGINS` names the sites whose pages may call the API with a key; without it no other site's may. Language
models reach the questions marked *tool* as a Model Context Protocol server at `/api/mcp`, with the same key.

## Scopes

| scope | a key with it may | for admins only |
|---|---|---|
"""


def markdown(document: Mapping[str, Any], tools: frozenset[str]) -> str:
    """The whole page; `tools` are the operations offered to language models."""
    head = _HEAD.format(about=document["info"]["description"])
    scopes = "".join(
        f"| `{scope.name}` | {scope.meaning} | {'yes' if scope.is_for_admins else ''} |\n" for scope in SCOPES
    )
    refusals = "".join(f"* {status}: {words}\n" for status, words in WORDS.items())
    parts = [f"{head}{scopes}\n## Refusals\n\nEvery operation may answer these, where they apply:\n\n{refusals}"]
    for tag in document["tags"]:
        parts.append(f"\n## {tag['name']}\n")
        parts += _group(document, tag["name"], tools)
    parts.append("\n## Answers\n")
    parts += _answers(document)
    return "".join(parts)


def _group(document: Mapping[str, Any], group: str, tools: frozenset[str]) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if group in operation["tags"]:
                yield _operation(
                    document, f"{method.upper()} {path}", operation, is_tool=operation["operationId"] in tools
                )


def _operation(document: Mapping[str, Any], name: str, operation: Mapping[str, Any], *, is_tool: bool) -> str:
    scope = f"Scope `{operation['x-scope']}`." if "x-scope" in operation else "No key needed."
    words = " ".join(part for part in (operation["description"], scope, "*Tool.*" if is_tool else "") if part)
    lines = [f"\n### `{name}`\n", f"{operation['summary']}. {words}\n"]
    inputs = [each for each in operation["parameters"] if each["in"] != "header"]
    body = operation.get("requestBody")
    if body:
        inputs += _asked(_found(document, body["content"]["application/json"]["schema"]))
    if inputs:
        lines += [*_inputs(inputs), ""]
    lines += [
        _status(status, told)
        for status, told in operation["responses"].items()
        if told["description"] != WORDS.get(int(status))
    ]
    return "\n".join(lines) + "\n"


def _asked(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The fields of a body, as parameters."""
    required = set(schema.get("required", ()))
    return [
        {"name": key, "description": told.get("description", ""), "schema": told, "required": key in required}
        for key, told in schema["properties"].items()
    ]


def _inputs(parameters: Sequence[Mapping[str, Any]]) -> list[str]:
    return ["| parameter | is | meaning |", "|---|---|---|", *(_parameter(each) for each in parameters)]


def _parameter(parameter: Mapping[str, Any]) -> str:
    words = " ".join(str(parameter.get("description", "")).split())
    needed = " (needed)" if parameter.get("required") else ""
    return f"| `{parameter['name']}`{needed} | {_kind(parameter['schema'])} | {words} |"


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"several: {_kind(schema['items'])}"
    if schema.get("type") == "integer" and "maximum" in schema:
        return f"{schema.get('minimum', 0)} to {schema['maximum']}"
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "$ref" in schema:
        return f"[{_named(schema)}](#{_named(schema).lower()})"
    if schema.get("type") == "object" and "additionalProperties" in schema:
        inner = schema["additionalProperties"]
        return f"by name: {_kind(inner)}" if isinstance(inner, Mapping) else "by name"
    return {
        "string": "text",
        "null": "null",
        "integer": "whole number",
        "number": "number",
        "boolean": "true or false",
    }.get(schema.get("type", ""), "anything") + (f" ({schema['format']})" if "format" in schema else "")


def _status(status: str, told: Mapping[str, Any]) -> str:
    content = told.get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    kind = f" [{_named(schema)}](#{_named(schema).lower()})" if "$ref" in schema else ""
    if not kind and content and "application/problem+json" not in content:
        kind = " " + ", ".join(f"`{each}`" for each in content)
    return f"* {status}: {told['description']}{kind}"


def _answers(document: Mapping[str, Any]) -> Iterator[str]:
    schemas = document["components"]["schemas"]
    within = {name for schema in schemas.values() for name in _names_in(schema)}
    for name, schema in schemas.items():
        words = " ".join(schema.get("description", "").split())
        if name.endswith("Question"):
            # What is asked stands with its operation, but for what stands in a list of it.
            if name in within:
                yield f"\n### {name}\n\n{words}\n\n" + "\n".join(_inputs(_asked(schema))) + "\n"
            continue
        yield f"\n### {name}\n\n{words}\n\n| field | is |\n|---|---|\n"
        for key, told in schema.get("properties", {}).items():
            yield f"| `{key}` | {_kind(told)} |\n"


def _found(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = document["components"]["schemas"][_named(schema)]
    return found


def _names_in(told: object) -> Iterator[str]:
    """Every schema that is named anywhere in what is told."""
    if isinstance(told, Mapping):
        if "$ref" in told:
            yield _named(told)
        told = list(told.values())
    if isinstance(told, list):
        for each in told:
            yield from _names_in(each)


def _named(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]

"""Writes what platforms' specifications say of the requests we send, small enough to be kept beside the tests.

    .venv/bin/python -m tests.connectors.extract_specs analyticsdata.v1beta.json   Google's discovery document
    .venv/bin/python -m tests.connectors.extract_specs campaigns_swagger.json      Indeed's Swagger

Which of the two a file is, it says itself. The extract tells the revision it was made from.
"""

import json
import sys
from pathlib import Path
from typing import Any

PLACE = Path(__file__).with_name("platforms")
#: The call we make of Google's API, and the message it carries.
METHOD, MESSAGE = "batchRunReports", "BatchRunReportsRequest"


def from_discovery(told: dict[str, Any]) -> dict[str, Any]:
    """The call's path and every message that can stand in its body: field → its kind, a message's name, or a list of
    one of these in brackets."""
    call = told["resources"]["properties"]["methods"][METHOD]
    schemas: dict[str, dict[str, Any]] = {}
    left = [MESSAGE]
    while left:
        name = left.pop()
        if name not in schemas:
            fields = told["schemas"][name].get("properties", {})
            schemas[name] = {field: _kind(rule, left) for field, rule in sorted(fields.items())}
    return {
        "revision": told["revision"],
        "call": {
            "method": call["httpMethod"],
            "path": call["path"],
            "property": call["parameters"]["property"]["pattern"],
            "scopes": call["scopes"],
        },
        "messages": dict(sorted(schemas.items())),
    }


def _kind(rule: dict[str, Any], left: list[str]) -> Any:
    if "$ref" in rule:
        left.append(rule["$ref"])
        return {"message": rule["$ref"]}
    if rule["type"] == "array":
        return [_kind(rule["items"], left)]
    if "enum" in rule:
        return {"one_of": rule["enum"]}
    return rule.get("format", rule["type"])


def from_swagger(told: dict[str, Any]) -> dict[str, Any]:
    """The parameters of every GET, by path."""
    return {
        "revision": f"{told['info']['title']} {told['info']['version']}",
        "paths": {
            path: {
                each["name"]: {
                    "in": each["in"],
                    "type": each.get("format", each["type"]),
                    **({"required": True} if each.get("required") else {}),
                    **({"one_of": each["enum"]} if "enum" in each else {}),
                }
                for each in calls["get"].get("parameters", [])
            }
            for path, calls in told["paths"].items()
            if "get" in calls
        },
    }


def main(arguments: list[str]) -> None:
    """Extract the specification at the path given."""
    told = json.loads(Path(arguments[0]).read_text())
    is_google = "discoveryVersion" in told
    extract = from_discovery(told) if is_google else from_swagger(told)
    place = PLACE / ("ga4_requests.json" if is_google else "indeed_parameters.json")
    lines = [f'  "{key}": {json.dumps(value)}' for key, value in extract.items() if not isinstance(value, dict)]
    for key, value in extract.items():
        if isinstance(value, dict):
            rows = ",\n".join(f"    {json.dumps(name)}: {json.dumps(rule)}" for name, rule in value.items())
            lines.append(f'  "{key}": {{\n{rows}\n  }}')
    place.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    sys.stdout.write(f"{place.name}: revision {extract['revision']}\n")


if __name__ == "__main__":
    main(sys.argv[1:])

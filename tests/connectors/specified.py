"""Requests against the platforms' published specifications, as `extract_specs` has laid them down."""

import json
import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

#: What a value of a kind looks like: in JSON as Google writes it, where 64 bits are text, and in a query.
_IN_JSON: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "int64": re.compile(r"-?\d+"),
    "int32": int,
    "double": float,
}
_IN_QUERY = {"integer": r"-?\d+", "boolean": r"true|false", "string": r"[^\x00]*", "date": r"\d{4}-\d{2}-\d{2}"}


@cache
def specification(name: str) -> dict[str, Any]:
    """An extract beside the platforms' traits."""
    told: dict[str, Any] = json.loads((Path(__file__).with_name("platforms") / name).read_text())
    return told


def check_message(value: Any, kind: Any, messages: Mapping[str, Any], at: str) -> None:
    """Assert that JSON is the message, list, choice or plain value that a discovery document knows there."""
    if isinstance(kind, list):
        assert isinstance(value, list), at
        for number, part in enumerate(value):
            check_message(part, kind[0], messages, f"{at}[{number}]")
    elif isinstance(kind, str):
        wanted = _IN_JSON[kind]
        if isinstance(wanted, re.Pattern):
            assert isinstance(value, str), at
            assert wanted.fullmatch(value), at
        else:
            assert type(value) is wanted, at
    elif "one_of" in kind:
        assert value in kind["one_of"], at
    else:
        fields = messages[kind["message"]]
        assert isinstance(value, dict), at
        for name, part in value.items():
            assert name in fields, f"{at}.{name} is not a field of {kind['message']}"
            check_message(part, fields[name], messages, f"{at}.{name}")


def check_parameters(path: str, query: Mapping[str, str], paths: Mapping[str, Any]) -> None:
    """Assert that a GET goes to a path a Swagger knows, with every parameter it needs and none it does not know."""
    rules = next((rules for known, rules in paths.items() if _matches(known, path)), None)
    assert rules is not None, f"{path} is not a path"
    asked = {name: rule for name, rule in rules.items() if rule["in"] == "query"}
    missing = {name for name, rule in asked.items() if rule.get("required")} - set(query)
    assert not missing, f"{path} lacks {missing}"
    for name, text in query.items():
        assert name in asked, f"{path} has no parameter {name}"
        assert re.fullmatch(_IN_QUERY[asked[name]["type"]], text), f"{path}: {name}={text}"
        assert text in asked[name].get("one_of", [text]), f"{path}: {name}={text}"
        assert asked[name]["type"] != "date" or _is_day(text), f"{path}: {name}={text}"


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _matches(known: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), unquote(path)) is not None

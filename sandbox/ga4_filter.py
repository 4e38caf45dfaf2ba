"""FilterExpression of the GA4 Data API: checked, and turned into a question about a hit."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any

from sandbox.ga4_fields import DIMENSIONS, Hit
from sandbox.google_errors import SCHEMA_URL, invalid_argument

Predicate = Callable[[Hit], bool]
MATCH_TYPES = (
    "MATCH_TYPE_UNSPECIFIED",
    "EXACT",
    "BEGINS_WITH",
    "ENDS_WITH",
    "CONTAINS",
    "FULL_REGEXP",
    "PARTIAL_REGEXP",
)
FILTER_SHAPES: dict[str, dict[str, Any]] = {
    "FilterExpression": {
        "andGroup": "FilterExpressionList",
        "orGroup": "FilterExpressionList",
        "notExpression": "FilterExpression",
        "filter": "Filter",
    },
    "FilterExpressionList": {"expressions": ["FilterExpression"]},
    "Filter": {
        "fieldName": "string",
        "stringFilter": "StringFilter",
        "inListFilter": "InListFilter",
        "numericFilter": "NumericFilter",
        "betweenFilter": "BetweenFilter",
        "emptyFilter": "EmptyFilter",
    },
    "StringFilter": {"matchType": "enum", "value": "string", "caseSensitive": "bool"},
    "InListFilter": {"values": ["string"], "caseSensitive": "bool"},
    "NumericFilter": {"operation": "enum", "value": "NumericValue"},
    "BetweenFilter": {"fromValue": "NumericValue", "toValue": "NumericValue"},
    "NumericValue": {"int64Value": "int64", "doubleValue": "number"},
    "EmptyFilter": {},
}
KINDS = ("andGroup", "orGroup", "notExpression", "filter")
FILTERS = ("stringFilter", "inListFilter", "emptyFilter")


def check_filter(expression: dict[str, Any] | None, known: set[str]) -> None:
    """Raise GoogleError 400 for an expression the property cannot answer."""
    if expression is None:
        return
    if len([kind for kind in KINDS if kind in expression]) != 1:
        raise invalid_argument("A FilterExpression must have exactly one of " + ", ".join(KINDS) + ".")
    if "notExpression" in expression:
        check_filter(expression["notExpression"], known)
    for group in ("andGroup", "orGroup"):
        for inner in expression.get(group, {}).get("expressions", []):
            check_filter(inner, known)
    if "filter" in expression:
        _check_leaf(expression["filter"], known)


def _check_leaf(leaf: dict[str, Any], known: set[str]) -> None:
    name = leaf.get("fieldName", "")
    if name not in known:
        raise invalid_argument(
            f"Field {name} is not a valid dimension. For a list of valid dimensions and metrics, see {SCHEMA_URL}"
        )
    if len([kind for kind in FILTERS if kind in leaf]) != 1 or len(leaf) != 2:
        raise invalid_argument(
            f"The filter on {name} must be exactly one of stringFilter, inListFilter and emptyFilter; "
            "numeric filters do not apply to dimensions."
        )
    if "stringFilter" in leaf:
        _matcher(leaf["stringFilter"])
    if "inListFilter" in leaf and not leaf["inListFilter"].get("values"):
        raise invalid_argument(f"The inListFilter on {name} must have values.")


def predicate(expression: dict[str, Any] | None) -> Predicate | None:
    """The question a checked expression asks of a hit; None when there is nothing to ask."""
    if expression is None:
        return None
    if "filter" in expression:
        return _leaf(expression["filter"])
    if "notExpression" in expression:
        inner = predicate(expression["notExpression"])
        return lambda hit: inner is not None and not inner(hit)
    together = all if "andGroup" in expression else any
    group = expression.get("andGroup") or expression.get("orGroup") or {}
    parts = [p for p in map(predicate, group.get("expressions", [])) if p is not None]
    return lambda hit: together(part(hit) for part in parts)


def _leaf(leaf: dict[str, Any]) -> Predicate:
    read = attrgetter(DIMENSIONS[leaf["fieldName"]][1])
    matches = cache(_test(leaf))
    return lambda hit: matches(read(hit))


def _test(leaf: dict[str, Any]) -> Callable[[str], bool]:
    if "stringFilter" in leaf:
        return _matcher(leaf["stringFilter"])
    if "emptyFilter" in leaf:
        return lambda text: text in {"", "(not set)"}
    if leaf["inListFilter"].get("caseSensitive", False):
        exact = set(leaf["inListFilter"]["values"])
        return lambda text: text in exact
    folded = {value.casefold() for value in leaf["inListFilter"]["values"]}
    return lambda text: text.casefold() in folded


def _matcher(condition: dict[str, Any]) -> Callable[[str], bool]:
    kind = condition.get("matchType", 1)
    kind = MATCH_TYPES[kind] if isinstance(kind, int) and 0 <= kind < len(MATCH_TYPES) else kind
    sensitive = condition.get("caseSensitive", False)
    wanted = condition.get("value", "")
    if kind in {"FULL_REGEXP", "PARTIAL_REGEXP"}:
        try:
            pattern = re.compile(wanted, 0 if sensitive else re.IGNORECASE)
        except re.error:
            raise invalid_argument(f"Invalid regular expression: {wanted!r}") from None
        search = pattern.fullmatch if kind == "FULL_REGEXP" else pattern.search
        return lambda text: search(text) is not None
    tests: dict[Any, Callable[[str, str], bool]] = {
        "EXACT": lambda text, value: text == value,
        "MATCH_TYPE_UNSPECIFIED": lambda text, value: text == value,
        "BEGINS_WITH": lambda text, value: text.startswith(value),
        "ENDS_WITH": lambda text, value: text.endswith(value),
        "CONTAINS": lambda text, value: value in text,
    }
    if kind not in tests:
        raise invalid_argument(f"Invalid value {kind!r} for matchType.")
    test = tests[kind]
    if sensitive:
        return lambda text: test(text, wanted)
    folded = wanted.casefold()
    return lambda text: test(text.casefold(), folded)


def mentions(expression: dict[str, Any] | None, field: str) -> bool:
    """Whether a dimension is named anywhere in the expression."""
    if expression is None:
        return False
    if "filter" in expression:
        return bool(expression["filter"].get("fieldName") == field)
    if "notExpression" in expression:
        return mentions(expression["notExpression"], field)
    group = expression.get("andGroup") or expression.get("orGroup") or {}
    return any(mentions(inner, field) for inner in group.get("expressions", []))

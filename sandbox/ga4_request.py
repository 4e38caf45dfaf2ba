"""A RunReportRequest, read as strictly as Google reads it: proto-JSON, unknown names refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sandbox.ga4_fields import DIMENSIONS, INCOMPATIBLE, METRICS
from sandbox.ga4_filter import FILTER_SHAPES, check_filter
from sandbox.google_errors import SCHEMA_URL, GoogleError, invalid_argument

DEFAULT_LIMIT = 10_000
MAX_LIMIT = 250_000
EARLIEST = date(2015, 8, 14)
RELATIVE = re.compile(r"^(\d+)daysAgo$")

# Field name -> the shape of its value: a scalar word, a message name, or [message name] for a list.
SHAPES: dict[str, dict[str, Any]] = {
    "RunReportRequest": {
        "property": "string",
        "dimensions": ["Dimension"],
        "metrics": ["Metric"],
        "dateRanges": ["DateRange"],
        "dimensionFilter": "FilterExpression",
        "metricFilter": "FilterExpression",
        "offset": "int64",
        "limit": "int64",
        "metricAggregations": ["enum"],
        "orderBys": ["OrderBy"],
        "currencyCode": "string",
        "cohortSpec": "CohortSpec",
        "keepEmptyRows": "bool",
        "returnPropertyQuota": "bool",
        "comparisons": ["Comparison"],
    },
    "BatchRunReportsRequest": {"requests": ["RunReportRequest"]},
    "Dimension": {"name": "string", "dimensionExpression": "DimensionExpression"},
    "DimensionExpression": {"lowerCase": "any", "upperCase": "any", "concatenate": "any"},
    "Metric": {"name": "string", "expression": "string", "invisible": "bool"},
    "DateRange": {"startDate": "string", "endDate": "string", "name": "string"},
    "OrderBy": {
        "metric": "MetricOrderBy",
        "dimension": "DimensionOrderBy",
        "pivot": "any",
        "desc": "bool",
    },
    "MetricOrderBy": {"metricName": "string"},
    "DimensionOrderBy": {"dimensionName": "string", "orderType": "enum"},
    "CohortSpec": {"cohorts": "any", "cohortsRange": "any", "cohortReportSettings": "any"},
    "Comparison": {"name": "string", "dimensionFilter": "any", "comparison": "string"},
    **FILTER_SHAPES,
}
# google-analytics-data sends enums as numbers.
ORDER_TYPES = ("ORDER_TYPE_UNSPECIFIED", "ALPHANUMERIC", "CASE_INSENSITIVE_ALPHANUMERIC", "NUMERIC")
AGGREGATIONS = ("METRIC_AGGREGATION_UNSPECIFIED", "TOTAL", "MINIMUM", "MAXIMUM", "", "COUNT")
NOT_OFFERED = ("metricFilter", "cohortSpec", "comparisons")


@dataclass(frozen=True)
class Range:
    """One date range, both ends inclusive, in the property's zone."""

    name: str
    first: date
    last: date


@dataclass(frozen=True)
class Order:
    """One sort key: a requested dimension or metric."""

    kind: str
    name: str
    order_type: str
    descending: bool


@dataclass(frozen=True)
class ReportRequest:
    """A checked request. `dimensions` holds `dateRange` last when there are several ranges."""

    ranges: tuple[Range, ...]
    dimensions: tuple[str, ...]
    metrics: tuple[str, ...]
    dimension_filter: dict[str, Any] | None
    orders: tuple[Order, ...]
    offset: int
    limit: int
    keep_empty_rows: bool
    return_quota: bool
    wants_totals: bool


def normalised(value: Any, shape: Any, path: str = "") -> Any:
    """The JSON value with lower-camel names; raises GoogleError for unknown names and wrong types."""
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise _bad_value(path, value)
        return [normalised(item, shape[0], f"{path}[{n}]") for n, item in enumerate(value)]
    if shape not in SHAPES:
        return _scalar(value, shape, path)
    if not isinstance(value, dict):
        raise _bad_value(path, value)
    fields = SHAPES[shape]
    result: dict[str, Any] = {}
    for raw, item in value.items():
        name = re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), raw)
        if name not in fields:
            at = f" at '{path}'" if path else ""
            raise invalid_argument(f'Invalid JSON payload received. Unknown name "{raw}"{at}: Cannot find field.')
        if item is not None:
            result[name] = normalised(item, fields[name], f"{path}.{name}" if path else name)
    return result


def _scalar(value: Any, shape: str, path: str) -> Any:
    fits: dict[str, Callable[[], bool]] = {
        "any": lambda: True,
        "string": lambda: isinstance(value, str),
        "bool": lambda: isinstance(value, bool),
        "number": lambda: isinstance(value, int | float | str),
        "enum": lambda: isinstance(value, str | int) and not isinstance(value, bool),
        "int64": lambda: (
            (isinstance(value, int) and not isinstance(value, bool))
            or (isinstance(value, str) and re.fullmatch(r"-?\d+", value) is not None)
        ),
    }
    if not fits[shape]():
        raise _bad_value(path, value)
    return int(value) if shape == "int64" else value


def _bad_value(path: str, value: Any) -> GoogleError:
    return invalid_argument(f"Invalid value at '{path}', {value!r}")


def read_report(body: dict[str, Any], property_name: str, today: date) -> ReportRequest:
    """Check a normalised request body. Raises GoogleError 400 as the API would."""
    if body.get("property") not in {None, "", property_name}:
        raise invalid_argument("The property of a batched request must match the property of the batch.")
    for name in NOT_OFFERED:
        if body.get(name):
            raise invalid_argument(f"{name} is not offered by this property.")
    ranges = _ranges(body.get("dateRanges", []), today)
    dimensions = _dimensions(body.get("dimensions", []))
    metrics = _metrics(body.get("metrics", []))
    if not dimensions and not metrics:
        raise invalid_argument("The request must have at least one dimension or metric.")
    _check_compatible(dimensions, metrics)
    check_filter(body.get("dimensionFilter"), known=set(DIMENSIONS))
    if len(ranges) > 1:
        dimensions = (*dimensions, "dateRange")
    wanted = [_enum(item, AGGREGATIONS) for item in body.get("metricAggregations", [])]
    if any(item != "TOTAL" for item in wanted):
        raise invalid_argument("Only the metric aggregation TOTAL is offered by this property.")
    limit, offset = body.get("limit", 0) or DEFAULT_LIMIT, body.get("offset", 0)
    if limit < 0 or offset < 0:
        raise invalid_argument("Limit and offset must not be negative.")
    return ReportRequest(
        ranges=ranges,
        dimensions=dimensions,
        metrics=metrics,
        dimension_filter=body.get("dimensionFilter"),
        orders=tuple(_order(item, dimensions, metrics) for item in body.get("orderBys", [])),
        offset=offset,
        limit=min(limit, MAX_LIMIT),
        keep_empty_rows=body.get("keepEmptyRows", False),
        return_quota=body.get("returnPropertyQuota", False),
        wants_totals=bool(wanted),
    )


def _ranges(items: list[dict[str, Any]], today: date) -> tuple[Range, ...]:
    if not 1 <= len(items) <= 4:
        raise invalid_argument("The request must have between 1 and 4 date ranges.")
    ranges: list[Range] = []
    for n, item in enumerate(items):
        first, last = (_day(item.get(name, ""), today) for name in ("startDate", "endDate"))
        if first > last:
            raise invalid_argument(
                f"startDate {first} must be before or the same as endDate {last} in dateRanges[{n}]."
            )
        if first < EARLIEST:
            raise invalid_argument(f"The earliest startDate is {EARLIEST}.")
        ranges.append(Range(item.get("name") or f"date_range_{n}", first, last))
    return tuple(ranges)


def _day(text: str, today: date) -> date:
    if text == "today":
        return today
    if text == "yesterday":
        return today - timedelta(days=1)
    if found := RELATIVE.match(text):
        return today - timedelta(days=min(int(found[1]), 5000))
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise invalid_argument(f"Invalid date: {text!r}. Dates must be YYYY-MM-DD, NdaysAgo, yesterday or today.")


def _dimensions(items: list[dict[str, Any]]) -> tuple[str, ...]:
    if len(items) > 9:
        raise invalid_argument("Requests are limited to 9 dimensions.")
    names = tuple(item.get("name", "") for item in items)
    for item, name in zip(items, names, strict=True):
        if item.get("dimensionExpression"):
            raise invalid_argument("dimensionExpression is not offered by this property.")
        if name not in DIMENSIONS:
            raise _unknown(name, "dimension")
    return names


def _metrics(items: list[dict[str, Any]]) -> tuple[str, ...]:
    if len(items) > 10:
        raise invalid_argument("Requests are limited to 10 metrics.")
    names = tuple(item.get("name", "") for item in items)
    for item, name in zip(items, names, strict=True):
        if item.get("expression"):
            raise invalid_argument("Metric expressions are not offered by this property.")
        if name not in METRICS:
            raise _unknown(name, "metric")
    return names


def _unknown(name: str, kind: str) -> GoogleError:
    return invalid_argument(
        f"Field {name} is not a valid {kind}. For a list of valid dimensions and metrics, see {SCHEMA_URL}"
    )


def _check_compatible(dimensions: tuple[str, ...], metrics: tuple[str, ...]) -> None:
    for metric in metrics:
        clash = sorted(INCOMPATIBLE.get(metric, set()).intersection(dimensions))
        if clash:
            raise invalid_argument(
                f"Please remove {clash[0]} to make the request compatible. The request's dimensions & metrics are "
                "incompatible. To learn more, see https://ga-dev-tools.web.app/ga4/dimensions-metrics-explorer/"
            )


def _order(item: dict[str, Any], dimensions: tuple[str, ...], metrics: tuple[str, ...]) -> Order:
    descending = item.get("desc", False)
    if "dimension" in item:
        name = item["dimension"].get("dimensionName", "")
        order_type = _enum(item["dimension"].get("orderType", 0), ORDER_TYPES)
        if name in dimensions:
            return Order("dimension", name, order_type, descending)
    elif "metric" in item:
        name = item["metric"].get("metricName", "")
        if name in metrics:
            return Order("metric", name, "NUMERIC", descending)
    else:
        raise invalid_argument("An orderBy must name a dimension or a metric.")
    raise invalid_argument(f"Field {name} in orderBys is not a dimension or metric of the request.")


def _enum(value: str | int, names: tuple[str, ...]) -> str:
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    if isinstance(value, str) and value in names:
        return value
    raise invalid_argument(f"Invalid value {value!r}: expected one of {', '.join(filter(None, names))}.")

"""Reports of the analytics property: sessions grouped day by day, kept, and laid out as rows."""

from __future__ import annotations

import json
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from threading import Lock
from typing import Any

from sandbox.company import CURRENCY, PROPERTY_ZONE
from sandbox.ga4_fields import METRICS, Hit, Totals, hits_of, merged, reader, summed
from sandbox.ga4_filter import mentions, predicate
from sandbox.ga4_request import Order, ReportRequest
from sandbox.model import Company
from sandbox.visits import RESTATED_DAYS

Key = tuple[str, ...]
Row = tuple[Key, Totals]
KEPT_DAYS = 12_000
KEPT_REPORTS = 12


class Reporter:
    """Answers checked requests from the model; remembers days and the last few reports."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self._days: OrderedDict[Any, dict[Key, Totals]] = OrderedDict()
        self._reports: OrderedDict[Any, list[Row]] = OrderedDict()
        self._lock = Lock()

    def rows(self, request: ReportRequest) -> list[Row]:
        """All rows of a report in the order asked for."""
        today = self.company.property_today()
        known = (request.ranges, request.dimensions, request.metrics, request.orders)
        key = (today, known, _canonical(request.dimension_filter), request.keep_empty_rows)
        with self._lock:
            if key not in self._reports:
                self._reports[key] = self._build(request, today)
                while len(self._reports) > KEPT_REPORTS:
                    self._reports.popitem(last=False)
            return self._reports[key]

    def grand_total(self, request: ReportRequest) -> Totals:
        """The whole report as one group, every session once."""
        today = self.company.property_today()
        with self._lock:
            parts = [
                totals
                for span in request.ranges
                for day in _days(span.first, min(span.last, today))
                for totals in self._day(day, today, (), request).values()
            ]
        return merged(parts) if parts else Totals()

    def _build(self, request: ReportRequest, today: date) -> list[Row]:
        groups: dict[Key, list[Totals]] = defaultdict(list)
        own = tuple(name for name in request.dimensions if name not in {"date", "dateRange"})
        place = _placing(request.dimensions, own)
        for span in request.ranges:
            for day in _days(span.first, min(span.last, today)):
                stamp = day.strftime("%Y%m%d")
                for key, totals in self._day(day, today, own, request).items():
                    groups[place(key, stamp, span.name)].append(totals)
        rows = [(key, merged(parts)) for key, parts in groups.items()]
        if not request.keep_empty_rows and request.metrics:
            readers = [METRICS[name][2] for name in request.metrics]
            rows = [row for row in rows if any(read(row[1]) for read in readers)]
        return ordered(rows, request)

    def _day(self, day: date, today: date, own: Key, request: ReportRequest) -> dict[Key, Totals]:
        age = min((today - day).days, RESTATED_DAYS)
        cube = (day, age, own, _canonical(request.dimension_filter))
        if cube not in self._days:
            self._days[cube] = self._grouped(day, own, request.dimension_filter)
            while len(self._days) > KEPT_DAYS:
                self._days.popitem(last=False)
        return self._days[cube]

    def _grouped(self, day: date, own: Key, expression: dict[str, Any] | None) -> dict[Key, Totals]:
        by_event = "eventName" in own or mentions(expression, "eventName")
        wanted = predicate(expression)
        read = reader(own)
        groups: dict[Key, list[Hit]] = defaultdict(list)
        for session in self.company.sessions_on(day):
            for hit in hits_of(session, by_event):
                if wanted is None or wanted(hit):
                    groups[read(hit)].append(hit)
        return {key: summed(hits) for key, hits in groups.items()}


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _canonical(expression: dict[str, Any] | None) -> str:
    return json.dumps(expression, sort_keys=True)


def _placing(dimensions: Key, own: Key) -> Callable[[Key, str, str], Key]:
    """How a row's key is put together: the group's own values, the day and the range where they were asked for."""
    sources = [own.index(name) if name in own else name for name in dimensions]

    def place(key: Key, stamp: str, range_name: str) -> Key:
        extra = {"date": stamp, "dateRange": range_name}
        return tuple([key[source] if isinstance(source, int) else extra[source] for source in sources])

    return place


def ordered(rows: list[Row], request: ReportRequest) -> list[Row]:
    """Rows sorted as asked; ties (and the whole, when nothing is asked) by first metric, then dimensions."""
    rows.sort(key=lambda row: row[0])
    if not request.orders and request.metrics:
        read = METRICS[request.metrics[0]][2]
        rows.sort(key=lambda row: -read(row[1]))
    for order in reversed(request.orders):
        rows.sort(key=_sort_key(order, request.dimensions), reverse=order.descending)
    return rows


def _sort_key(order: Order, dimensions: Key) -> Callable[[Row], Any]:
    if order.kind == "metric":
        read = METRICS[order.name][2]
        return lambda row: read(row[1])
    index = dimensions.index(order.name)
    if order.order_type == "NUMERIC":
        return lambda row: float(row[0][index]) if row[0][index].isdigit() else 0.0
    if order.order_type == "CASE_INSENSITIVE_ALPHANUMERIC":
        return lambda row: row[0][index].casefold()
    return lambda row: row[0][index]


def render(request: ReportRequest, rows: list[Row], row_count: int) -> dict[str, Any]:
    """A RunReportResponse without quota and totals; proto-JSON leaves out what is empty."""
    report: dict[str, Any] = {
        "dimensionHeaders": [{"name": name} for name in request.dimensions],
        "metricHeaders": [{"name": name, "type": METRICS[name][1]} for name in request.metrics],
        "rows": rendered(rows, request.metrics),
        "rowCount": row_count,
        "metadata": {"currencyCode": CURRENCY, "timeZone": PROPERTY_ZONE.key},
        "kind": "analyticsData#runReport",
    }
    return {name: value for name, value in report.items() if value not in ([], 0)}


def rendered(rows: list[Row], metrics: Key) -> list[dict[str, Any]]:
    """Rows on the wire; every cell is a string."""
    readers = [METRICS[name][2] for name in metrics]
    return [
        {
            "dimensionValues": [{"value": value} for value in key],
            "metricValues": [{"value": _cell(read(totals))} for read in readers],
        }
        for key, totals in rows
    ]


def _cell(value: int | float) -> str:
    """Rates carry full double precision; whole numbers have no point."""
    return str(value) if isinstance(value, int) or not value.is_integer() else str(int(value))

"""/metrics for Prometheus. The gate lets it be read by token, or from this machine; nothing in it names a person."""

from collections.abc import Iterable
from datetime import UTC, datetime

import anyio.to_thread
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from actions.running import StoreUnavailable, running_store
from domain.timings import BOUNDS_MS
from store.reports.vitals import PlatformVitals, Vitals, read_vitals


async def metrics(_request: Request) -> Response:
    """The figures in Prometheus' text format; 503 while the database is away."""
    try:
        body = await anyio.to_thread.run_sync(_page)
    except (StoreUnavailable, SQLAlchemyError):
        return PlainTextResponse("The database cannot be reached.", 503, {"Retry-After": "5"})
    return Response(body, media_type=CONTENT_TYPE_LATEST)


def _page() -> bytes:
    with running_store().reading() as session:
        vitals = read_vitals(session, datetime.now(UTC))
    registry = CollectorRegistry()
    registry.register(_Collected(vitals))
    return generate_latest(registry)


class _Collected:
    """Vitals in the shape that the client library writes out."""

    def __init__(self, vitals: Vitals) -> None:
        self._vitals = vitals

    def collect(self) -> Iterable[Metric]:
        """One family a figure; the labels are platforms, states and queues, and nothing else."""
        vitals = self._vitals
        requests = CounterMetricFamily("sourceboard_platform_requests", "Requests.", labels=["platform", "outcome"])
        waits = CounterMetricFamily("sourceboard_platform_waits", "Waits for them.", labels=["platform"])
        waited = CounterMetricFamily("sourceboard_platform_waited_seconds", "Seconds waited.", labels=["platform"])
        quota = GaugeMetricFamily("sourceboard_platform_quota_left", "Requests left as last told.", labels=["platform"])
        taken = HistogramMetricFamily("sourceboard_platform_response_seconds", "Response times.", labels=["platform"])
        for platform, seen in vitals.platforms.items():
            requests.add_metric([platform, "ok"], seen.requests - seen.failures)
            requests.add_metric([platform, "failed"], seen.failures)
            waits.add_metric([platform], seen.waits)
            waited.add_metric([platform], seen.waited_ms / 1000)
            taken.add_metric([platform], _buckets(seen), seen.total_ms / 1000)
            if seen.quota_left is not None:
                quota.add_metric([platform], seen.quota_left)
        jobs = GaugeMetricFamily("sourceboard_sync_jobs", "Sync jobs.", labels=["platform", "state"])
        for (platform, state), count in sorted(vitals.sync_jobs.items()):
            jobs.add_metric([platform, state], count)
        waiting = GaugeMetricFamily("sourceboard_waiting", "What waits to be done.", labels=["queue"])
        for queue, count in vitals.waiting.items():
            waiting.add_metric([queue], count)
        alerts = GaugeMetricFamily("sourceboard_open_alerts", "Troubles that are not over.", value=vitals.open_alerts)
        workers = GaugeMetricFamily("sourceboard_workers", "Workers heard of lately.", value=vitals.workers)
        return [requests, waits, waited, quota, taken, jobs, waiting, alerts, workers]


def _buckets(seen: PlatformVitals) -> list[tuple[str, float]]:
    """Cumulative counts by upper bound in seconds, as the format wants them."""
    found, below = [], 0
    for bound in BOUNDS_MS:
        below += seen.timings.get(str(bound), 0)
        found.append((str(bound / 1000), float(below)))
    return [*found, ("+Inf", float(below + seen.timings.get("inf", 0)))]

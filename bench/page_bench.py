"""CPU of one page run: the dashboard, signed in, asked for over its WebSocket as the browser does."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, islice

from websockets.sync.client import ClientConnection

from bench.figures import Figure, Scale
from bench.live import Live, living
from tests.web.streams import open_stream, run_page

MOST_MS = 150


def run(scale: Scale) -> list[Figure]:
    """The same question again and again, and a new one each time."""
    runs = scale.runs(40, 8)
    with living() as live, open_stream(live.app, cookie=live.cookie) as stream:
        for _ in range(5):
            _must_draw(live, stream)
        known = _cost(live, stream, [""] * runs)
        fresh = _cost(live, stream, list(islice(_questions(), runs)))
    return [
        Figure("page run, numbers asked anew", fresh, "ms CPU", MOST_MS, note=f"mean of {runs}"),
        Figure("page run, numbers remembered", known, "ms CPU", MOST_MS, note=f"mean of {runs}"),
    ]


def _questions() -> Iterator[str]:
    """Periods of thirty days that nobody has asked for yet."""
    today = datetime.now(UTC).date()
    for back in count(2):
        first, last = today - timedelta(days=back + 29), today - timedelta(days=back)
        yield f"period=Custom&from={first}&to={last}"


def _cost(live: Live, stream: ClientConnection, queries: Sequence[str]) -> float:
    """Milliseconds of CPU of the serving process for each run. The system counts in steps of 10 ms: hence the mean."""
    before = live.cpu()
    for query in queries:
        run_page(stream, query=query)
    return (live.cpu() - before) * 1000 / len(queries)


def _must_draw(live: Live, stream: ClientConnection) -> None:
    """A page that shows an error instead of charts would be a cheap one."""
    heard = run_page(stream).everything
    if "Hiring funnel" not in heard or "trends_chart" not in heard:
        raise RuntimeError(f"the dashboard was not drawn: {live.app.told()[-2000:]}")

"""In the browser: from reload to the last Plotly chart drawn, signed in, against a bare page with as many charts.

The dashboard has three Plotly charts, and six small ones in its cards. The bare page that the limit names has the same
nine; beside it stands, without a limit, one with the three Plotly charts alone.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, sync_playwright

from bench.databases import folder
from bench.figures import Figure, Scale, p50
from bench.live import living
from tests.find_chromium import launch_arguments
from tests.launch import RunningApp, app_environment, free_port, stop, wait_until_up

MOST_RATIO = 1.3
WARM = 2
DRAW_MS = 60_000
#: Milliseconds since the reload began, once so many charts hold marks; asked at every frame.
_DRAWN = """(wanted) => {
  const charts = [...document.querySelectorAll('.js-plotly-plot')];
  const done = charts.filter(one => one.querySelector('.slice path, .scatterlayer .trace path, .barlayer .point path'));
  return done.length >= wanted ? performance.now() : false;
}"""
_SMALL_DRAWN = (
    "() => document.querySelectorAll('[data-testid=stMetricChart] canvas, [data-testid=stMetricChart] svg').length"
)
_COUNT = "() => document.querySelectorAll('.js-plotly-plot').length"
#: The least a page can be: the same kinds and sizes of charts, their numbers written down in the script. SMALL and
#: CHARTS are how many small charts and Plotly charts it has.
BARE = """
import plotly.graph_objects as go
import streamlit as st

st.set_page_config(layout="wide")
names = [f"Source {number}" for number in range(10)]
days = list(range(30))
doughnut = go.Figure(go.Pie(labels=names, values=[100 + 9 * number for number in range(10)], hole=0.68))
lines = go.Figure()
for n, name in enumerate(names):
    lines.add_trace(go.Scatter(x=days, y=[(7 * day + n) % 50 for day in days], name=name))
bars = go.Figure(go.Bar(x=[9000, 3000, 1200, 700, 90, 12], y=names[:6], orientation="h"))
for number in range(SMALL):
    st.metric(f"Figure {number}", 100, chart_data=[(7 * day + number) % 50 for day in days], chart_type="area")
for number, figure in enumerate((doughnut, lines, bars)[:CHARTS]):
    st.plotly_chart(figure, key=f"chart_{number}")
"""


def run(scale: Scale) -> list[Figure]:
    """Reloads of the pages in turns."""
    rounds = scale.runs(9, 3)
    with ExitStack() as stack:
        live = stack.enter_context(living(WORKERS="2"))
        browser = stack.enter_context(sync_playwright()).chromium.launch(**launch_arguments())
        stack.callback(browser.close)
        ours = _opened(browser.new_context(), live.app.url, live.cookie)
        charts, small = _settled_count(ours), _small_count(ours)
        pages = {"ours": ours}
        for name, cards in (("bare", small), ("barest", 0)):
            app = stack.enter_context(_bare(charts, cards))
            pages[name] = _opened(browser.new_context(), app.url, "")
        times: dict[str, list[float]] = {name: [] for name in pages}
        for number in range(rounds + WARM):
            for name, page in pages.items():
                taken = _reload(page, charts)
                if number >= WARM:
                    times[name].append(taken)
    mine, bare, barest = (p50(times[name]) for name in ("ours", "bare", "barest"))
    counted = f"{charts} Plotly charts"
    return [
        Figure(
            "reload to the last chart, against a bare page",
            mine / bare,
            "×",
            MOST_RATIO,
            note=f"{counted}, {small} small",
        ),
        Figure("the same, without small charts on the bare page", mine / barest, "×", note=counted),
        Figure("dashboard", mine, "ms", note=f"median of {rounds}, in turns"),
        Figure("bare page", bare, "ms"),
        Figure("bare page without small charts", barest, "ms"),
    ]


def _opened(context: BrowserContext, url: str, cookie: str) -> Page:
    context.set_default_timeout(DRAW_MS)
    pairs = (one.split("=", 1) for one in cookie.split("; ") if one)
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in pairs])
    page = context.new_page()
    page.goto(url)
    return page


def _settled_count(page: Page) -> int:
    """How many Plotly charts the dashboard draws, once they have marks; it has three."""
    page.wait_for_function(_DRAWN, arg=3)
    return int(page.evaluate(_COUNT))


def _small_count(page: Page) -> int:
    """How many cards of the dashboard hold a small chart."""
    page.wait_for_function(_SMALL_DRAWN)
    return int(page.evaluate(_SMALL_DRAWN))


def _reload(page: Page, charts: int) -> float:
    page.reload(wait_until="commit")
    found = page.wait_for_function(_DRAWN, arg=charts, polling="raf").json_value()
    return float(found)


@contextmanager
def _bare(charts: int, small: int) -> Iterator[RunningApp]:
    """Streamlit as it comes, in a folder of its own."""
    with folder() as place:
        (place / "bare.py").write_text(BARE.replace("CHARTS", str(charts)).replace("SMALL", str(small)), "utf-8")
        port, output = free_port(), place / "output.log"
        options = {"server.port": port, "server.address": "127.0.0.1", "server.headless": "true"}
        options |= {"browser.gatherUsageStats": "false", "server.fileWatcherType": "none"}
        told = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        with output.open("ab") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", "bare.py", *told],
                cwd=place,
                env=app_environment("", Path(place), {}),
                stdout=sink,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        app = RunningApp(f"http://127.0.0.1:{port}", process, output, place)
        try:
            wait_until_up(app, "/_stcore/health")
            yield app
        finally:
            stop(process)

"""In the browser: from reload to the last chart drawn, signed in, against a bare Streamlit page with as many charts."""

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
_COUNT = "() => document.querySelectorAll('.js-plotly-plot').length"
#: The least a page can be: the same kinds and sizes of charts, their numbers written down in the script.
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
for number, figure in enumerate((doughnut, lines, bars)[:CHARTS]):
    st.plotly_chart(figure, key=f"chart_{number}")
"""


def run(scale: Scale) -> list[Figure]:
    """Reloads of both pages in turns."""
    rounds = scale.runs(9, 3)
    with ExitStack() as stack:
        live = stack.enter_context(living(WORKERS="2"))
        browser = stack.enter_context(sync_playwright()).chromium.launch(**launch_arguments())
        stack.callback(browser.close)
        ours = _opened(browser.new_context(), live.app.url, live.cookie)
        charts = _settled_count(ours)
        bare_app = stack.enter_context(_bare(charts))
        bare = _opened(browser.new_context(), bare_app.url, "")
        times: dict[str, list[float]] = {"ours": [], "bare": []}
        for number in range(rounds + WARM):
            for name, page in (("ours", ours), ("bare", bare)):
                taken = _reload(page, charts)
                if number >= WARM:
                    times[name].append(taken)
    mine, least = p50(times["ours"]), p50(times["bare"])
    return [
        Figure("reload to the last chart, against a bare page", mine / least, "×", MOST_RATIO, note=f"{charts} charts"),
        Figure("dashboard", mine, "ms", note=f"median of {rounds}, in turns"),
        Figure("bare page", least, "ms"),
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


def _reload(page: Page, charts: int) -> float:
    page.reload(wait_until="commit")
    found = page.wait_for_function(_DRAWN, arg=charts, polling="raf").json_value()
    return float(found)


@contextmanager
def _bare(charts: int) -> Iterator[RunningApp]:
    """Streamlit as it comes, in a folder of its own."""
    with folder() as place:
        (place / "bare.py").write_text(BARE.replace("CHARTS", str(charts)), "utf-8")
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

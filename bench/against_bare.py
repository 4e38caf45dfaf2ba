"""A route of the product against a bare one that answers 204: in turns, alone and beside a company at work."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psutil

from actions.viewer import Viewer
from bench.at_work import Clicks, facts_synced, make_place, syncing
from bench.bare import serving
from bench.databases import KEY, LABELS, fresh_store
from bench.driving import Driven, drive, driver, needed
from bench.figures import Figure, Scale
from settings import Settings
from store.opening import Store
from tests.launch import RunningApp, running_app

LEAST_SHARE, MOST_CPU, MOST_P99 = 0.4, 2.5, 100.0
TURN_SECONDS, QUICK_TURN_SECONDS = 4.0, 1.0
TURNS, QUICK_TURNS = 4, 1
_WARM_SECONDS, _CLICK_SECONDS = 1.0, 8.0
_IDLE_SECONDS, _IDLE_PERCENT = 60.0, 10.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a route: its path, so many requests that no one has sent yet, and what is stored of them."""

    what: str
    path: str
    make: Callable[[int], list[bytes]]
    count_stored: Callable[[], int]


@dataclass(slots=True)
class Turns:
    """What came of all turns of one route, and the seconds of CPU its server used: for it, and for pages meanwhile."""

    driven: Driven = field(default_factory=Driven)
    cpu: float = 0.0
    drawing: float = 0.0

    @property
    def cost(self) -> float:
        """Microseconds of CPU for one request."""
        return self.cpu / self.driven.answers * 1e6


@dataclass(slots=True)
class Sides:
    """The bare route as uvicorn alone serves it, the same with the product's parser, and the product."""

    plain: Turns = field(default_factory=Turns)
    alike: Turns = field(default_factory=Turns)
    ours: Turns = field(default_factory=Turns)


@dataclass(frozen=True, slots=True)
class Scene:
    """The three servers, their processes, and for how long each is driven."""

    app: RunningApp
    bare: tuple[int, int]
    alike: tuple[int, int]
    asked: Asked
    seconds: float
    turns: int

    def alone(self) -> Sides:
        """All in turns, so that whatever else the machine does hits all."""
        return self._in_turns(lambda: 0.0)

    def at_work(self, clicks: Clicks) -> Sides:
        """The same while pages are drawn; what these cost is taken off the server's CPU, and told by itself."""
        each = self._cost_of_click(clicks)
        return self._in_turns(lambda: clicks.done * each)

    def _in_turns(self, other: Callable[[], float]) -> Sides:
        stored, sides = self.asked.count_stored(), Sides()
        for _ in range(self.turns):
            made = self.asked.make(needed(self.seconds))
            # The same bytes to the bare route: what reading their headers costs is the server's, not ours.
            bare = [one.replace(self.asked.path.encode(), b"/take", 1) for one in made]
            self._measure(sides.plain, self.bare, bare, lambda: 0.0)
            self._measure(sides.alike, self.alike, bare, lambda: 0.0)
            self._measure(sides.ours, (_port_of(self.app), self.app.process.pid), made, other)
        self._must_be_stored(sides.ours.driven, self.asked.count_stored() - stored)
        return sides

    def _measure(
        self, turns: Turns, at: tuple[int, int], requests: Sequence[bytes], other: Callable[[], float]
    ) -> None:
        port, pid = at
        drawn, before = other(), _cpu(pid)
        driven = drive(port, requests, self.seconds, again=at in (self.bare, self.alike))
        drawing = other() - drawn
        turns.cpu += _cpu(pid) - before - drawing
        turns.drawing += drawing
        if not driven.answers:
            raise RuntimeError(f"nothing was answered in {self.seconds} s")
        if driven.refused:
            raise RuntimeError(f"{driven.refused} of {driven.answers} were refused")
        turns.driven += driven

    def _cost_of_click(self, clicks: Clicks) -> float:
        """Seconds of CPU of the server for one page, while nothing else is asked of it."""
        drawn, before, end = clicks.done, _cpu(self.app.process.pid), time.monotonic() + _CLICK_SECONDS
        while time.monotonic() < end or clicks.done < drawn + 3:
            time.sleep(0.1)
        return (_cpu(self.app.process.pid) - before) / (clicks.done - drawn)

    def _must_be_stored(self, driven: Driven, stored: int) -> None:
        """All that was answered is there; who drives hangs up on what is under way when a turn's time is over."""
        if not driven.answers <= stored <= driven.answers + 50 * self.turns:
            raise RuntimeError(f"{driven.answers} were acknowledged and {stored} stored")


def compare(
    kind: str, scale: Scale, ask: Callable[[Store, RunningApp, Viewer], Asked], **environment: str
) -> Iterator[Figure]:
    """Rate, CPU and p99 of what `ask` asks on this kind of database."""
    with ExitStack() as stack:
        store, settings = stack.enter_context(fresh_store(kind))
        viewer = make_place(store)
        app = stack.enter_context(_served(settings, environment))
        asked = ask(store, app, viewer)
        turns, seconds = scale.runs(TURNS, QUICK_TURNS), QUICK_TURN_SECONDS if scale.is_quick else TURN_SECONDS
        plain, alike = stack.enter_context(serving()), stack.enter_context(serving("httptools"))
        scene = Scene(app, plain, alike, asked, seconds, turns)
        drive(_port_of(app), asked.make(needed(_WARM_SECONDS)), _WARM_SECONDS)
        _wait_until_idle(app.process.pid)
        yield from _told(f"{LABELS[kind]}, alone", asked.what, scene.alone(), note=driver())
        stack.enter_context(syncing(store, settings, viewer))
        clicks = stack.enter_context(Clicks(store, settings, app, viewer))
        facts, started = facts_synced(store), time.monotonic()
        sides = scene.at_work(clicks)
        beside = (facts_synced(store) - facts) / (time.monotonic() - started)
        gross = (sides.ours.cpu + sides.ours.drawing) / sides.ours.driven.answers * 1e6 / sides.plain.cost
        note = f"{driver()}; beside {beside:,.0f} facts/s".replace(",", " ")
        cpu_note = f"{gross:.2f} × with the pages drawn meanwhile"
        yield from _told(LABELS[kind], asked.what, sides, note=note, cpu_note=cpu_note, is_judged=True)


@contextmanager
def _served(settings: Settings, environment: dict[str, str]) -> Iterator[RunningApp]:
    more = {"ENCRYPTION_KEY": KEY, "WORKERS": "0", "LOG_LEVEL": "warning", **environment}
    with running_app(settings.database_url, settings.data_dir, **more) as app:
        yield app


def _told(
    label: str, what: str, sides: Sides, *, note: str, cpu_note: str = "", is_judged: bool = False
) -> Iterator[Figure]:
    plain, alike, ours = sides.plain, sides.alike, sides.ours
    rates = f"{ours.driven.rate:.0f}/s and {plain.driven.rate:.0f}/s"
    limits = (LEAST_SHARE, MOST_CPU, MOST_P99) if is_judged else (None, None, None)
    parser = f"{ours.driven.rate / alike.driven.rate:.2f} × of the bare route with the product's parser"
    yield Figure(
        f"{label}: {what}s a second, against the bare route", ours.driven.rate / plain.driven.rate, "×", limits[0],
        at_least=True, note=f"{rates}; {note}; {parser}",
    )  # fmt: skip
    costs = f"{ours.cost:.0f} and {plain.cost:.0f} µs; {ours.cost / alike.cost:.2f} × with the product's parser"
    yield Figure(
        f"{label}: the server's CPU for a {what}, against the bare route", ours.cost / plain.cost, "×", limits[1],
        note="; ".join(part for part in (costs, cpu_note) if part),
    )  # fmt: skip
    middle = f"p50 {ours.driven.slowest(0.5):.1f} ms; the bare route's p99 {plain.driven.slowest(0.99):.1f} ms"
    yield Figure(f"{label}: p99 of a {what}", ours.driven.slowest(0.99), "ms", limits[2], note=middle)


def _port_of(app: RunningApp) -> int:
    return int(app.host.rpartition(":")[2])


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _wait_until_idle(pid: int) -> None:
    """The program loads charts for its first visitor after it has started: that is not what is measured."""
    process, deadline = psutil.Process(pid), time.monotonic() + _IDLE_SECONDS
    while process.cpu_percent(0.5) > _IDLE_PERCENT:
        if time.monotonic() > deadline:
            raise RuntimeError("the program never came to rest")

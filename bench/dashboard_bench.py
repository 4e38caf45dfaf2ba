"""The dashboard's answer, all facts belonging to the company asked: few facts against many."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bench.bulk import fill_aggregates
from bench.company import Made, analyze, make_company
from bench.databases import KINDS, LABELS, fresh_store
from bench.figures import Figure, Scale, p50, timed
from domain.filters import Filters
from domain.periods import default_grain, local_day, named_period
from store.opening import Store
from store.reports.dashboard import get_dashboard
from store.reports.scope import find_company
from store.reports.shapes import Dashboard

SMALL_FACTS = 100_000
ROUNDS = 5
MOST_MS, MOST_GROWTH, MOST_YEAR = 20, 1.5, 3


@dataclass(frozen=True, slots=True)
class Asked:
    """A store and the company in it that is asked."""

    store: Store
    made: Made

    def dashboard(self, name: str) -> Dashboard:
        """As the API answers: a session of its own, the company looked up, everything read."""
        with self.store.reading() as session:
            company = find_company(session, self.made.company_id)
            assert company is not None
            period = named_period(name, local_day(self.made.now, company.time_zone))
            grain = default_grain(period)
            return get_dashboard(session, company, period, Filters(), grain=grain, now=self.made.now)


def run(scale: Scale) -> list[Figure]:
    """Both databases: 30 days and a year, at both sizes."""
    return [figure for kind in KINDS for figure in _measure(kind, scale)]


def _measure(kind: str, scale: Scale) -> Iterator[Figure]:
    with ExitStack() as stack:
        small = stack.enter_context(asked(kind, min(SMALL_FACTS, scale.facts // 3)))
        large = stack.enter_context(asked(kind, scale.facts))
        times = _interleaved(small, large, runs=scale.runs(40, 10))
        sizes = f"{large.made.facts:,} against {small.made.facts:,} facts".replace(",", " ")
        label = LABELS[kind]
        month, year = p50(times["30d", True]), p50(times["1y", True])
        yield Figure(f"{label}: 30 days, p50, {large.made.facts:,} facts".replace(",", " "), month, "ms", MOST_MS)
        yield Figure(f"{label}: growth, 30 days", month / p50(times["30d", False]), "×", MOST_GROWTH, note=sizes)
        yield Figure(f"{label}: one year, p50", year, "ms", note=f"grows {year / p50(times['1y', False]):.2f} ×")
        yield Figure(f"{label}: one year against 30 days", year / month, "×", MOST_YEAR)


def _interleaved(small: Asked, large: Asked, runs: int) -> dict[tuple[str, bool], list[float]]:
    """Times by (period, is large), in turns, so that a passing load of the machine meets all alike."""
    times: dict[tuple[str, bool], list[float]] = {}
    for _ in range(ROUNDS):
        for name in ("30d", "1y"):
            for one, is_large in ((small, False), (large, True)):
                times.setdefault((name, is_large), []).extend(timed(lambda o=one, n=name: o.dashboard(n), runs))
    return times


@contextmanager
def asked(kind: str, facts: int) -> Iterator[Asked]:
    """A company with so many facts and the aggregates that belong to them."""
    with fresh_store(kind) as (store, _):
        made = make_company(store, facts)
        fill_aggregates(store, made)
        analyze(store)
        one = Asked(store, made)
        _must_answer(one)
        yield one


def _must_answer(one: Asked) -> None:
    """An empty answer would be a fast one."""
    found = one.dashboard("1y")
    values = [card.value for card in found.cards]
    if None in values or not all(step.value for step in found.funnel) or len(found.sources) < 10:
        raise RuntimeError(f"the dashboard of the made company has gaps: {values}, {found.funnel}")

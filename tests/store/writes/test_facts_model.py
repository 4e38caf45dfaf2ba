"""Random reads against a plain dict: whatever comes in whatever order, the table holds what the dict holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from connectors.contract import Closed
from domain.facts import Fact, Origin, Scope, day_number
from domain.metrics import metric
from store.engine import reading, writing
from store.opening import Store
from store.writes.facts import FactWriter, Place

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
FIRST = date(2026, 2, 1)
DAYS = st.integers(0, 4).map(lambda n: FIRST + timedelta(days=n))
NAMES = st.sampled_from(["clicks", "views"])
TOTALS = st.tuples(NAMES, DAYS, st.integers(0, 3)).map(lambda told: Fact(*told))
POSTINGS = st.tuples(NAMES, DAYS, st.integers(0, 3), st.just(Scope.POSTING), st.sampled_from("abc")).map(
    lambda told: Fact(*told)
)
#: A read: pages of facts, and whether clicks are closed at its end.
READS = st.lists(
    st.tuples(st.lists(st.lists(TOTALS | POSTINGS, max_size=12), max_size=3), st.booleans()), min_size=1, max_size=4
)
Model = dict[tuple[int, int, int, str], int]


@contextmanager
def emptied(store: Store) -> Iterator[None]:
    with writing(store.engine) as session:
        for table in ("platform_analytics_raw", "read_coverage", "dirty_days", "external_postings"):
            session.execute(text(f"DELETE FROM {table}"))
    yield


def key(fact: Fact) -> tuple[int, int, int, str]:
    return day_number(fact.day), metric(fact.metric).number, int(fact.scope), fact.posting_ref


def table(store: Store) -> Model:
    with reading(store.engine) as session:
        rows = session.execute(
            text(
                "SELECT f.day, f.metric, f.scope, coalesce(e.external_ref, ''), f.value FROM platform_analytics_raw f "
                "LEFT JOIN external_postings e ON e.number = f.external_posting"
            )
        )
        return {(day, number, scope, ref): value for day, number, scope, ref, value in rows}


def take_dirty(store: Store) -> set[int]:
    with writing(store.engine) as session:
        days = set(session.execute(text("SELECT day FROM dirty_days")).scalars())
        session.execute(text("DELETE FROM dirty_days"))
    return days


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(reads=READS)
def test_the_table_holds_what_a_dict_would_hold(store: Store, place: Place, reads: list) -> None:
    slice_ = Closed(("clicks",), Scope.TOTAL, FIRST, FIRST + timedelta(days=3))
    closed_days = range(day_number(slice_.start), day_number(slice_.end))
    model: Model = {}
    covered = False
    with emptied(store):
        for number, (pages, closes) in enumerate(reads, 1):
            writer = FactWriter(place, Origin.POLL, number)
            before, seen = dict(model), set()
            told = [0, 0, 0]
            for page in pages:
                new = {key(fact): fact.value for fact in page}
                told[0] += len(new.keys() - model.keys())
                told[1] += sum(model[k] != v for k, v in new.items() if k in model)
                told[2] += sum(model[k] == v for k, v in new.items() if k in model)
                with store.writing() as session:
                    counts = writer.write(session, page, now=NOW)
                for place_, got in enumerate((counts.inserted, counts.updated, counts.unchanged)):
                    told[place_] -= got
                model |= new
                seen |= new.keys()
            assert told == [0, 0, 0]
            gone = set()
            if closes:
                with store.writing() as session:
                    counts = writer.close(session, [slice_], now=NOW)
                gone = {k for k in model if k[0] in closed_days and k[1] == 3 and k[2] == 1 and k not in seen}
                assert counts.deleted == len(gone)
                model = {k: v for k, v in model.items() if k not in gone}
            assert table(store) == model
            net = {k[0] for k in before.keys() | model.keys() if before.get(k) != model.get(k)}
            new_cover = set(closed_days) if closes and not covered else set()
            covered |= closes
            marked = take_dirty(store)
            # Every day that differs is marked; a day may also be marked for a change that was taken back.
            assert net | new_cover <= marked
            touched = {k[0] for k in seen} | {k[0] for k in gone} | new_cover
            assert marked <= touched

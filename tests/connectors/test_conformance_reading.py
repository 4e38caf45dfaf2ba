"""What every connector that reports numbers must do: read whole, close what it read, and equal the truth.

Run over the registry, against the sandbox.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest

from connectors.contract import MetricsSource, Page, Wait
from connectors.registry import CONNECTORS, find_source
from domain.facts import MAX_VALUE, Fact, Scope
from domain.metrics import BY_NAME
from sandbox.launch import Sandbox
from tests.connectors.rig import Reader, final, key_of, on_one_day, reading, source_of, window_of
from tests.connectors.traits import traits_of

pytestmark = pytest.mark.parametrize("key", sorted(key for key in CONNECTORS if find_source(key)))
FROM_THE_ATS = {"interviews", "offers", "hires"}


def dated(source: type[MetricsSource[Any]]) -> set[str]:
    """The metrics whose totals the platform dates itself."""
    return {offered.metric for offered in source.metrics if offered.counters != "always"}


def counted(source: type[MetricsSource[Any]]) -> set[str]:
    """The metrics that postings tell as running totals."""
    return {offered.metric for offered in source.metrics if offered.counters in {"postings", "always"}}


def test_it_yields_only_facts_it_offers(sandbox: Sandbox, key: str):
    window = window_of(sandbox, key, 10)
    offered = {each.metric: each for each in source_of(key).metrics}
    with reading(sandbox, key) as reader:
        facts = reader.read(window)
    for fact in facts:
        assert fact.metric in offered
        assert window.start <= fact.day < window.end
        assert type(fact.value) is int
        assert 0 <= fact.value <= MAX_VALUE
        if fact.scope is Scope.POSTING:
            assert offered[fact.metric].postings
            assert fact.posting_ref
        else:
            assert fact.posting_ref == ""
        assert bool(fact.currency) == (BY_NAME[fact.metric].unit == "money")
        if offered[fact.metric].counted_by == "source":
            assert fact.breakdown
            assert fact.breakdown.kind == "source"
    assert {fact.metric for fact in facts} == dated(source_of(key))
    assert [at for at, times in Counter(map(key_of, facts)).items() if times > 1] == []


def test_it_tells_running_totals_only_where_it_declares_them(sandbox: Sandbox, key: str):
    with reading(sandbox, key) as reader:
        reader.read(window_of(sandbox, key, 10))
    counters = reader.counters()
    assert {counter.metric for counter in counters} == counted(source_of(key))
    assert all(type(each.value) is int and 0 <= each.value <= MAX_VALUE and each.posting for each in counters)
    assert max(Counter((each.metric, each.posting) for each in counters).values(), default=1) == 1
    seen = {posting.ref for page in reader.pages for posting in page.postings}
    assert {each.posting for each in counters} <= seen


def test_it_reads_no_running_totals_for_days_that_are_over(sandbox: Sandbox, key: str):
    for ending in (0, -20, 10):
        with reading(sandbox, key) as reader:
            reader.read(window_of(sandbox, key, 5, ending=ending))
        assert reader.counters() == []


def test_it_closes_every_day_it_read_and_no_other(sandbox: Sandbox, key: str):
    window = window_of(sandbox, key, 10)
    with reading(sandbox, key) as reader:
        reader.read(window)
    days = {window.start + timedelta(days=n) for n in range(10)}
    closed = {
        (metric, slice_.start + timedelta(days=n))
        for page in reader.pages
        for slice_ in page.closed
        if slice_.scope is Scope.TOTAL
        for metric in slice_.metrics
        for n in range((slice_.end - slice_.start).days)
    }
    assert closed == {(metric, day) for metric in dated(source_of(key)) for day in days}


def test_it_tells_of_every_posting_it_has_facts_for(sandbox: Sandbox, key: str):
    with reading(sandbox, key) as reader:
        facts = reader.read(window_of(sandbox, key, 5))
    seen = {posting.ref: posting for page in reader.pages for posting in page.postings}
    assert {fact.posting_ref for fact in facts if fact.scope is Scope.POSTING} <= set(seen)
    assert all(posting.path or posting.requisition_ref or posting.links or posting.title for posting in seen.values())


def test_it_reads_the_same_twice(sandbox: Sandbox, key: str):
    window = window_of(sandbox, key, 6)
    with reading(sandbox, key) as reader:
        first, second = reader.read(window), reader.read(window)
    assert final(first) == final(second)
    assert len(first) == len(second)


def test_it_resumes_after_any_step(sandbox: Sandbox, key: str):
    window = window_of(sandbox, key, traits_of(key).long_days)
    with reading(sandbox, key) as reader:
        steps = list(reader.source.read(window))
        whole = final([fact for step in steps if isinstance(step, Page) for fact in step.facts])
        counters = {each for step in steps if isinstance(step, Page) for each in step.counters}
        for number in sorted({*range(0, len(steps), 4), len(steps) - 1}):
            done = [step for step in steps[: number + 1] if isinstance(step, Page)]
            with reading(sandbox, key) as other:
                after = other.read(window, steps[number].cursor)
            assert final([fact for page in done for fact in page.facts] + after) == whole
            assert {each for page in done for each in page.counters} | set(other.counters()) == counters
    assert len(steps) > 2, f"{traits_of(key).long_days} days come in {len(steps)} steps: keep progress more often"


def test_it_yields_nothing_for_the_future(sandbox: Sandbox, key: str):
    with reading(sandbox, key) as reader:
        facts = reader.read(window_of(sandbox, key, 3, ending=10))
    assert facts == []
    assert reader.counters() == []


def test_it_makes_as_many_calls_as_it_says(sandbox: Sandbox, key: str):
    for days in (3, 31, 90):
        window = window_of(sandbox, key, days)
        with reading(sandbox, key) as reader:
            items = reader.source.check().items
            reader.spent.clear()
            reader.read(window)
        assert len(reader.spent) == source_of(key).calls_for(window, items=items)


def test_it_sends_only_requests_the_platform_knows(sandbox: Sandbox, key: str):
    with reading(sandbox, key) as reader:
        reader.source.check()
        reader.read(window_of(sandbox, key, 8))
    requests = sandbox.log()
    assert len(requests) == reader.http.usage.requests
    for request in requests:
        traits_of(key).check_request(request)


def test_it_reads_pages_to_the_last_one(sandbox: Sandbox, key: str):
    window = window_of(sandbox, key, 2)
    small = traits_of(key).small_pages
    if small is None:
        pytest.skip("nothing is paged in steps of our choosing")
    with reading(sandbox, key) as reader:
        whole = final(reader.read(window))
    with reading(sandbox, key, connector=small) as patient:
        facts = patient.read(window)
    assert final(facts) == whole
    assert set(patient.counters()) == set(reader.counters())
    asked = patient.http.usage.requests, reader.http.usage.requests
    assert asked[0] > asked[1], (
        f"Traits.small_pages asks {asked[0]} times, the connector {asked[1]}: let it ask for less"
    )


def test_it_waits_only_where_something_is_being_made(sandbox: Sandbox, key: str):
    with reading(sandbox, key) as reader:
        steps = list(reader.source.read(window_of(sandbox, key, 7)))
    waits = [step for step in steps if isinstance(step, Wait)]
    assert all(0 < wait.seconds <= 300 and wait.cursor and wait.reason for wait in waits)
    assert not isinstance(steps[-1], Wait)


def test_its_twelve_months_equal_the_truth(sandbox: Sandbox, key: str):
    seen = _look(sandbox, key, 366)
    truth = {
        (day["metric"], day["day"]): day["value"]
        for day in seen.truth["days"]
        if day["platform"] == source_of(key).platform and day["metric"] in dated(source_of(key)) - FROM_THE_ATS
    }
    mine = Counter[tuple[str, str]]()
    for fact in seen.facts:
        if fact.scope is Scope.TOTAL and _counts(key, fact, seen.clock):
            mine[fact.metric, fact.day.isoformat()] += fact.value
    assert dict(mine) == {at: value for at, value in truth.items() if value}
    assert sum(mine.values()) > 10_000 or not dated(source_of(key)), "let the sandbox tell of more"


def test_its_postings_equal_the_truth(sandbox: Sandbox, key: str):
    seen = _look(sandbox, key, traits_of(key).posting_days)
    ours = _requisitions(sandbox, key, seen.reader.pages)
    mine = Counter[tuple[str, str, str]]()
    of_postings = [fact for fact in seen.facts if fact.scope is Scope.POSTING]
    for fact in of_postings:
        if traits_of(key).owns(fact, seen.clock) and ours.get(fact.posting_ref):
            mine[fact.metric, ours[fact.posting_ref], fact.day.isoformat()] += fact.value
    metrics = {fact.metric for fact in of_postings}
    truth = {
        (each["metric"], each["requisition"], each["day"]): each["value"]
        for each in seen.truth["postings"]
        if each["platform"] == source_of(key).platform and each["metric"] in metrics and each["value"]
    }
    assert {at: value for at, value in mine.items() if value} == truth
    by_day = {
        each.metric for each in source_of(key).metrics if each.postings and each.counters in {"never", "optional"}
    }
    assert metrics == by_day


def test_its_running_totals_equal_the_truth(sandbox: Sandbox, key: str):
    seen = _look(sandbox, key, 3, since=date(2020, 1, 1))
    ours = _requisitions(sandbox, key, seen.reader.pages)
    told = {each["requisition"] for each in sandbox.control("postings") if traits_of(key).tells_of(each)}
    mine, bounds = Counter[tuple[str, str]](), set[tuple[str, str]]()
    for counter in seen.reader.counters():
        name = counter.metric, ours.get(counter.posting, "")
        if name[1]:
            mine[name] += counter.value
            bounds |= set() if counter.is_exact else {name}
    truth = Counter[tuple[str, str]]()
    for each in seen.truth["postings"]:
        name = each["metric"], each["requisition"]
        if each["platform"] == source_of(key).platform and name[0] in counted(source_of(key)) and name[1] in told:
            truth[name] += each["value"]
    for name in bounds:
        del mine[name], truth[name]
    assert +mine == +truth
    assert bool(mine) == bool(counted(source_of(key)))


@dataclass(frozen=True)
class _Seen:
    """What a connector read of some days, and the sandbox's truth of them by the same clock."""

    reader: Reader
    facts: list[Fact]
    truth: dict[str, Any]
    clock: Mapping[str, str]


def _look(sandbox: Sandbox, key: str, days: int, *, since: date | None = None) -> _Seen:
    """Reads that many days; the truth is that of the same ones, or of all `since`."""

    def look(clock: Mapping[str, str]) -> _Seen:
        window = window_of(sandbox, key, days)
        with reading(sandbox, key) as reader:
            facts = reader.read(window)
        truth = sandbox.truth(since or window.start, window.end, traits_of(key).connected)
        return _Seen(reader, facts, truth, clock)

    return on_one_day(sandbox, look)


def _counts(key: str, fact: Fact, clock: Mapping[str, str]) -> bool:
    """Whether a fact of scope total enters the total."""
    offered = {each.metric: each for each in source_of(key).metrics}[fact.metric]
    return fact.breakdown is None if offered.counted_by == "total" else traits_of(key).owns(fact, clock)


def _requisitions(sandbox: Sandbox, key: str, pages: list[Page]) -> dict[str, str]:
    """Our requisition of each posting that was told of; none for those that belong to no posting of ours."""
    paths = {posting["path"]: posting["requisition"] for posting in sandbox.control("postings")}
    found = {seen.ref: traits_of(key).requisition(seen, paths) for page in pages for seen in page.postings}
    return {ref: name for ref, name in found.items() if name in set(paths.values())}

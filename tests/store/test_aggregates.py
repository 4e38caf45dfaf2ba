"""Aggregates recomputed from facts: single rules by their numbers, then everything against the reference counting."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel import select

from domain.counting import PROJECTED
from domain.facts import Coverage
from jobs.aggregate import aggregate_due, rebuild
from store.engine import writing
from store.tables import DataVersion, ExternalPosting, PlatformConfig
from tests.store.fact_scenes import DECLARED, FIRST, METRIC, NOW, expected, make_scene, stored

CONNECTIONS = {
    "site": {"platform": "company_website", "connector": "site"},
    "indeed": {"platform": "indeed", "connector": "indeed", "account_ref": "one", "currency": "USD"},
    "indeed_again": {"platform": "indeed", "connector": "indeed", "account_ref": "one"},
    "indeed_two": {"platform": "indeed", "connector": "indeed", "account_ref": "two"},
    "indeed_files": {"platform": "indeed"},
    "linkedin": {"platform": "linkedin"},
    "reader": {"platform": "linkedin", "connector": "guess", "account_ref": "page"},
    "zip": {"platform": "ziprecruiter", "connector": "zip"},
}
INDEED, SITE = 3, 1


@pytest.fixture
def scene(engine):
    return make_scene(engine, {name: CONNECTIONS[name] for name in ("site", "indeed", "linkedin")})


def settle(store):
    return aggregate_due(store, NOW, DECLARED, seconds=600)


def values(scene, grain=1):
    """(metric, first day after FIRST, platform) → (value, share, covered days) of one grain."""
    totals, _ = stored(scene.engine, scene.no)
    return {(row[1], row[2] - FIRST, row[3]): (row[5], row[6], row[7]) for row in totals if row[0] == grain}


def version(scene):
    with writing(scene.engine) as session:
        return session.exec(select(DataVersion.version).where(DataVersion.company_no == scene.no)).one()


def test_a_day_a_week_and_a_month_are_told_with_shares(store, scene):
    scene.told("indeed", 0, "clicks", 30)
    scene.told("indeed", 4, "clicks", 10)
    scene.told("linkedin", 4, "clicks", 20, origin=2)
    settle(store)
    clicks = METRIC["clicks"]
    assert values(scene) == {
        (clicks, 0, 3): (30, 10000, 1),
        (clicks, 4, 3): (10, 3333, 1),
        (clicks, 4, 9): (20, 6667, 1),
    }
    assert values(scene, 2) == {(clicks, -2, 3): (40, 6667, 2), (clicks, -2, 9): (20, 3333, 1)}
    assert values(scene, 3) == {
        (clicks, -27, 3): (30, 10000, 1),
        (clicks, 4, 3): (10, 3333, 1),
        (clicks, 4, 9): (20, 6667, 1),
    }


def test_a_restated_day_is_replaced_and_not_added(store, scene):
    scene.told("indeed", 0, "clicks", 30)
    settle(store)
    scene.told("indeed", 0, "clicks", 31)
    settle(store)
    assert values(scene, 2) == {(METRIC["clicks"], -2, 3): (31, 10000, 1)}


def test_read_and_absent_is_zero_and_a_failed_day_is_a_gap(store, scene):
    scene.cover("indeed", 0, "spend")
    scene.cover("indeed", 1, "spend", state=Coverage.FAILED)
    scene.dirty("indeed", 0, 1)
    settle(store)
    totals, postings = stored(scene.engine, scene.no)
    assert [row for row in totals if row[0] == 1] == [(1, METRIC["spend"], FIRST, INDEED, "USD", 0, None, 1, 0)]
    assert postings == []


def test_rows_vanish_with_their_coverage(store, scene):
    scene.told("indeed", 0, "clicks", 30)
    scene.told("indeed", 0, "clicks", 9, scope=2, external_posting=scene.external["indeed"][0].number)
    settle(store)
    assert len(stored(scene.engine, scene.no)[1]) == 1
    scene.cover("indeed", 0, "clicks", state=Coverage.FAILED)
    scene.dirty("indeed", 0)
    settle(store)
    assert stored(scene.engine, scene.no) == ([], [])


def test_reach_has_no_share_and_no_week(store, scene):
    scene.told("indeed", 0, "reach", 30)
    settle(store)
    assert stored(scene.engine, scene.no)[0] == [(1, METRIC["reach"], FIRST, INDEED, "", 30, None, 1, 0)]


def test_currencies_are_shared_out_apart(store, scene):
    scene.told("indeed", 0, "spend", 500, currency="USD")
    scene.told("indeed", 0, "spend", 100, currency="EUR")
    scene.told("linkedin", 0, "spend", 100, currency="EUR", origin=2)
    settle(store)
    totals, _ = stored(scene.engine, scene.no)
    assert [(row[3], row[4], row[6]) for row in totals if row[0] == 2] == [
        (INDEED, "EUR", 5000),
        (INDEED, "USD", 10000),
        (9, "EUR", 5000),
    ]


def test_the_site_gives_an_application_up_when_the_other_platform_is_read_later(store, scene):
    google, indeed, *_ = scene.cuts["site"]
    posting = scene.external["site"][0].number
    scene.told("site", 0, "applications", 5, breakdown=google.number)
    scene.told("site", 0, "applications", 3, breakdown=indeed.number)
    scene.told("site", 0, "applications", 3, scope=2, breakdown=indeed.number, external_posting=posting)
    settle(store)
    applications = METRIC["applications"]
    assert values(scene)[applications, 0, SITE][0] == 8
    assert stored(scene.engine, scene.no)[1] == [(FIRST, SITE, applications, 1, "", 3, 0)]
    scene.told("indeed", 0, "applications", 4)
    settle(store)
    assert {key[2]: value[0] for key, value in values(scene).items()} == {SITE: 5, INDEED: 4}
    assert stored(scene.engine, scene.no)[1] == []
    scene.cover("indeed", 0, "applications", state=Coverage.FAILED)
    scene.dirty("indeed", 0)
    settle(store)
    assert {key[2]: value[0] for key, value in values(scene).items()} == {SITE: 8}


def test_linking_a_posting_moves_its_numbers(store, scene):
    waiting = scene.external["indeed"][1]
    scene.told("indeed", 0, "clicks", 9, scope=2, external_posting=waiting.number)
    scene.told("indeed", 0, "clicks", 9)
    settle(store)
    assert [row[3] for row in stored(scene.engine, scene.no)[1]] == [0]
    with writing(scene.engine) as session:
        session.get_one(ExternalPosting, waiting.number).posting_id = scene.postings[1].id
    scene.dirty("indeed", 0)
    settle(store)
    assert [(row[3], row[5]) for row in stored(scene.engine, scene.no)[1]] == [(2, 9)]


def test_projected_facts_stand_in_for_a_file_and_alone_tell_hires(store, scene):
    for metric in ("applications", "hires"):
        scene.told("linkedin", 0, metric, 3, scope=3, origin=2, seen=PROJECTED)
    scene.told("linkedin", 0, "hires", 50, origin=2)
    settle(store)
    assert {key[0]: value[0] for key, value in values(scene).items()} == {
        METRIC["applications"]: 3,
        METRIC["hires"]: 3,
    }
    scene.told("linkedin", 0, "applications", 7, scope=2, origin=2)
    settle(store)
    assert values(scene)[METRIC["applications"], 0, 9][0] == 7


def test_a_value_near_the_largest_is_summed_exactly(store, scene):
    largest = 9 * 10**14
    for day in range(4):
        scene.told("indeed", day, "impressions", largest - day)
    settle(store)
    assert values(scene, 2)[METRIC["impressions"], -2, INDEED][0] == 4 * largest - 6


def test_nothing_due_writes_nothing_and_keeps_the_version(store, scene):
    scene.told("indeed", 0, "clicks", 30)
    assert settle(store) == 2, "its own day, and the site's, which might have lost it"
    first = version(scene)
    scene.dirty("indeed", 0)
    assert settle(store) == 1
    assert settle(store) == 0
    assert version(scene) == first
    scene.told("indeed", 0, "clicks", 31)
    settle(store)
    assert version(scene) == first + 1


def test_another_company_s_numbers_are_left_alone(store, scene, engine):
    other = make_scene(engine, {"indeed": CONNECTIONS["indeed"]})
    other.told("indeed", 0, "clicks", 5)
    scene.told("indeed", 0, "clicks", 30)
    settle(store)
    before = stored(engine, other.no)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM platform_analytics_raw WHERE company_no = :no"), {"no": other.no})
    rebuild(store, scene.company.id, NOW, DECLARED)
    assert stored(engine, other.no) == before


def test_a_rebuild_repairs_what_was_spoilt(store, scene):
    for day in range(8):
        scene.told("indeed", day, "clicks", 30 + day)
        scene.told("indeed", day, "clicks", 9, scope=2, external_posting=scene.external["indeed"][0].number)
    settle(store)
    right = stored(scene.engine, scene.no)
    spoil = (
        "UPDATE platform_analytics_aggregated SET value = value + 1 WHERE grain = 2",
        "UPDATE platform_analytics_aggregated SET percentage = 5 WHERE grain = 3",
        "DELETE FROM platform_analytics_aggregated WHERE grain = 1 AND period_start % 2 = 0",
        "UPDATE posting_analytics_aggregated SET posting_no = 2, value = 77 WHERE day % 3 = 0",
        "UPDATE posting_analytics_aggregated SET day = day + 1000 WHERE day % 4 = 0",
        "UPDATE platform_analytics_aggregated SET period_start = period_start + 365 WHERE grain = 3",
    )
    with scene.engine.begin() as connection:
        for statement in spoil:
            connection.execute(text(statement))
    assert stored(scene.engine, scene.no) != right
    assert rebuild(store, None, NOW, DECLARED) > 0
    assert stored(scene.engine, scene.no) == right
    assert rebuild(store, None, NOW, DECLARED) == 0


#: Days on both sides of the month's end, and mostly the same metric and connections: histories must meet themselves.
DAYS = st.sampled_from([0, 3, 3, 4])
NAMES = st.sampled_from(["site", "site", "indeed", "indeed", *sorted(CONNECTIONS)])
METRICS = st.sampled_from(["applications"] * 4 + ["views", "sessions", "spend", "hires", "reach"])
FACT = st.tuples(
    st.sampled_from([1, 2, 2, 3]),
    st.integers(0, 2),
    st.integers(0, 4),
    st.sampled_from(["", "EUR"]),
    st.integers(0, 40),
)
STEPS = st.one_of(
    st.tuples(
        st.just("sync"),
        NAMES,
        st.tuples(DAYS, st.integers(1, 4)),
        METRICS,
        st.tuples(st.sampled_from([1, 1, 2, 3]), st.booleans(), st.booleans()),
        st.lists(FACT, max_size=6),
    ),
    st.tuples(st.just("fail"), NAMES, DAYS, METRICS),
    st.tuples(st.just("link"), NAMES, st.sampled_from([0, 1]), st.sampled_from([None, 0, 1])),
    st.tuples(st.just("connect"), NAMES),
    st.tuples(st.just("prefer"), NAMES, METRICS, st.sampled_from(["poll", "import", "event", "nonsense"])),
    st.tuples(st.just("settle")),
)


def carry_out(scene, step, store):
    """One step of a random history, with the dirty days that its real writer would log."""
    kind, *rest = step
    if kind == "settle":
        settle(store)
    elif kind == "sync":
        _sync(scene, *rest)
    elif kind == "fail":
        name, day, metric = rest
        scene.cover(name, day, metric, state=Coverage.FAILED)
        scene.dirty(name, day)
    elif kind == "link":
        name, which, to = rest
        with writing(scene.engine) as session:
            posting = session.get_one(ExternalPosting, scene.external[name][which].number)
            posting.posting_id = None if to is None else scene.postings[to].id
        scene.dirty(name, *range(12))
    else:
        with writing(scene.engine) as session:
            config = session.get_one(PlatformConfig, scene.configs[rest[0]].id)
            if kind == "connect":
                config.deleted_at = None if config.deleted_at else NOW + timedelta(days=1)
            else:
                config.counted_origins = {rest[1]: rest[2]}
        scene.dirty(rest[0], *range(12))


def _sync(scene, name, span, metric, manner, facts):
    """Replace a window of one origin: what the last read had and this one lacks is gone."""
    origin, provisional, projected = manner
    external, cuts = scene.external[name], scene.cuts[name]
    window = range(span[0], span[0] + span[1])
    key = {"config": scene.configs[name].number, "metric": METRIC[metric], "origin": origin}
    with writing(scene.engine) as session:
        session.connection().execute(
            text(
                "DELETE FROM platform_analytics_raw WHERE config_no = :config AND metric = :metric "
                "AND origin = :origin AND day BETWEEN :first AND :last"
            ),
            key | {"first": FIRST + window[0], "last": FIRST + window[-1]},
        )
        for at, (scope, posting, cut, currency, value) in enumerate(facts):
            session.merge(
                scene.fact(
                    name,
                    window[at % len(window)],
                    metric,
                    value,
                    scope=scope,
                    origin=origin,
                    external_posting=external[posting - 1].number if posting and scope == 2 else 0,
                    breakdown=cuts[cut - 1].number if cut else 0,
                    currency=currency if metric == "spend" else "",
                    seen=PROJECTED if projected and origin > 1 and scope > 1 else 1,
                )
            )
    for day in window:
        for scope in (1, 2) if not projected else (3,):
            scene.cover(name, day, metric, scope=scope, origin=origin, provisional=int(provisional))
    scene.dirty(name, *window)


def test_an_estimate_gives_way_to_what_a_file_tells_of_the_day(store, engine):
    scene = make_scene(engine, {name: CONNECTIONS[name] for name in ("linkedin", "reader")})
    for day in (0, 1):
        scene.told("reader", day, "applications", 40)
    settle(store)
    assert [values(scene)[METRIC["applications"], day, 9][0] for day in (0, 1)] == [40, 40]
    scene.told("linkedin", 1, "applications", 7, origin=2)
    settle(store)
    assert [values(scene)[METRIC["applications"], day, 9][0] for day in (0, 1)] == [40, 7]
    assert rebuild(store, scene.company.id, NOW, DECLARED) == 0


def read(name, metric, *facts):
    """A step: the third day polled, with these (scope, posting, breakdown, value)."""
    told = [(scope, posting, cut, "", value) for scope, posting, cut, value in facts]
    return ("sync", name, (3, 1), metric, (1, False, False), told)


#: The site tells of an application that came from Indeed: by total, and by posting.
OWNED = read("site", "applications", (1, 0, 2, 8), (2, 1, 2, 8))
#: Histories that must be among the random ones: ownership that comes and goes, posting rows whose facts are gone.
OWNER_BEGINS = [OWNED, ("settle",), read("indeed", "applications", (1, 0, 0, 4))]
OWNER_CEASES = [OWNED, OWNER_BEGINS[-1], ("settle",), ("settle",), ("fail", "indeed", 3, "applications")]
FEWER_POSTINGS = [
    read("indeed", "views", (2, 1, 0, 5), (2, 2, 0, 6)),
    ("settle",),
    read("indeed", "views", (2, 1, 0, 5)),
]
NO_POSTINGS = [FEWER_POSTINGS[0], ("settle",), read("indeed", "views", (1, 0, 0, 7))]
NOTHING_LEFT = [FEWER_POSTINGS[0], ("settle",), ("link", "indeed", 1, 0), ("settle",), read("indeed", "views")]


@settings(
    max_examples=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a history is short enough to read, and slow to shrink
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(OWNER_BEGINS)
@example(OWNER_CEASES)
@example(FEWER_POSTINGS)
@example(NO_POSTINGS)
@example(NOTHING_LEFT)
@given(st.lists(STEPS, min_size=3, max_size=14))
def test_what_grew_step_by_step_equals_a_rebuild_and_the_reference(store, engine, history):
    scene = make_scene(engine, CONNECTIONS)
    for step in history:
        carry_out(scene, step, store)
    settle(store)
    grown = stored(engine, scene.no)
    assert grown == expected(scene)
    assert rebuild(store, scene.company.id, NOW, DECLARED) == 0
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM platform_analytics_aggregated"))
        connection.execute(text("DELETE FROM posting_analytics_aggregated"))
    rebuild(store, scene.company.id, NOW, DECLARED)
    assert stored(engine, scene.no) == grown

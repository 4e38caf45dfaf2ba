"""Aggregating as a job: in steps that may end anywhere, and by several workers at once."""

import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from jobs.aggregate import aggregate_due
from store.engine import open_engine
from store.opening import Store
from tests.store.fact_scenes import DECLARED, NOW, expected, make_scene, stored

CONNECTIONS = {
    "site": {"platform": "company_website", "connector": "site"},
    "indeed": {"platform": "indeed", "connector": "indeed", "account_ref": "one"},
    "linkedin": {"platform": "linkedin"},
}


@pytest.fixture
def scene(engine):
    return make_scene(engine, CONNECTIONS)


def due(engine):
    """How many entries the dirty log has."""
    with engine.connect() as connection:
        return connection.execute(text("SELECT COUNT(*) FROM dirty_days")).scalar_one()


def tell(scene, days, seed=1):
    """Facts of several days, each logged as dirty."""
    chance = random.Random(seed)
    for day in days:
        scene.told("indeed", day, "applications", chance.randrange(50))
        scene.told("site", day, "applications", chance.randrange(50), breakdown=scene.cuts["site"][1].number)
        scene.told("linkedin", day, "clicks", chance.randrange(50), origin=2)


def test_what_a_step_did_not_reach_stays_in_the_log_and_is_done_next_time(store, scene, engine):
    tell(scene, range(6))
    before = due(engine)
    assert aggregate_due(store, NOW, DECLARED, seconds=0) == 3, "one day of the three platforms"
    assert 0 < due(engine) < before + 6
    aggregate_due(store, NOW, DECLARED, seconds=600)
    assert due(engine) == 0
    assert stored(engine, scene.no) == expected(scene)


def test_workers_at_once_do_every_day_once_and_right(scene, engine, database_url, keyring, store):
    tell(scene, range(10))
    workers = [Store(open_engine(database_url), store.vault) for _ in range(3)]
    try:
        with ThreadPoolExecutor(4) as pool:
            running = [pool.submit(aggregate_due, worker, NOW, DECLARED) for worker in workers]
            telling = pool.submit(tell, scene, range(4, 12), 2)
            done = sum(one.result(60) for one in running)
            telling.result(60)
    finally:
        for worker in workers:
            worker.engine.dispose()
    done += aggregate_due(store, NOW, DECLARED, seconds=600)
    assert stored(engine, scene.no) == expected(scene)
    assert due(engine) == 0
    # Thirty days were told, then at most one at a time again; a site's day may follow each of another platform's.
    assert done <= 30 + 24 + 2 * 36


@pytest.mark.parametrize(("origin", "covered"), [(2, 2), (1, 1)], ids=["in the total", "by posting"])
def test_a_platform_that_the_database_refuses_does_not_hold_up_the_others(store, scene, engine, origin, covered):
    largest = 9 * 10**14
    with engine.begin() as connection:
        rows = [
            {"no": scene.no, "config": scene.configs["indeed"].number, "posting": number, "value": largest}
            for number in range(10_500)
        ]
        connection.execute(
            text(
                "INSERT INTO platform_analytics_raw (company_no, config_no, day, metric, scope, external_posting, "
                "breakdown, origin, hour, currency, value, provisional, seen) "
                f"VALUES (:no, :config, 20481, 1, 2, :posting, 0, {origin}, -1, '', :value, 0, 1)"
            ),
            rows,
        )
    scene.cover("indeed", 0, "impressions", scope=covered, origin=origin)
    scene.dirty("indeed", 0)
    scene.told("linkedin", 0, "clicks", 7, origin=2)
    aggregate_due(store, NOW, DECLARED, seconds=600)
    assert [row[5] for row in stored(engine, scene.no)[0] if row[0] == 1] == [7]
    assert due(engine) == 1


@pytest.mark.parametrize(("what", "number"), [("due", 2), ("due", 5), ("rebuild", 3)])
def test_a_kill_in_the_middle_leaves_nothing_half_done(store, scene, engine, database_url, what, number):
    tell(scene, range(8))
    for day in range(8):
        scene.told("indeed", day, "clicks", 5 + day, scope=2, external_posting=scene.external["indeed"][0].number)
    ended = subprocess.run(
        [sys.executable, "-m", "tests.jobs.doomed_aggregation", database_url, what, str(number)],
        timeout=300,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    assert due(engine) > 0
    assert stored(engine, scene.no) != expected(scene)
    aggregate_due(store, NOW, DECLARED, seconds=600)
    assert stored(engine, scene.no) == expected(scene)
    assert due(engine) == 0

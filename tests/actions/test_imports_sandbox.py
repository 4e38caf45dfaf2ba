"""The sandbox's export of applications comes in whole: its stages are the truth's."""

from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from actions.imports import SourceFile
from store.tables import Application
from store.tables.columns import utc_now
from tests.actions.import_scenes import admin_of, bring_in, plan_of

STAGES = {"applied": "applied_at", "interviews": "interviewed_at", "offers": "offered_at", "hires": "hired_at"}


@pytest.fixture
def exports(sandbox):
    truth = sandbox.control("truth?from=2020-01-01&to=2100-01-01")
    return sandbox.control("ats.csv"), sandbox.control("ats.xlsx"), truth


def test_the_export_imports_without_a_rejection_and_equals_the_truth(sqlite_store, sqlite_company, exports):
    csv, xlsx, truth = exports
    now = utc_now()
    viewer = admin_of(sqlite_store, sqlite_company)
    done = bring_in(sqlite_store, viewer, SourceFile("ats.csv", csv), now)
    assert done.rejected == 0
    told = {
        (row["platform"], row["metric"]): row["value"]
        for row in truth["totals"]
        if row["metric"] in ("interviews", "offers", "hires")
    }
    zone = ZoneInfo("Europe/Berlin")
    counted: Counter[tuple[str, str]] = Counter()
    with sqlite_store.reading() as session:
        for row in session.exec(select(Application)):
            for metric in ("interviews", "offers", "hires"):
                instant = getattr(row, STAGES[metric])
                if instant is not None and instant.astimezone(zone).date() <= now.astimezone(zone).date():
                    counted[row.source_platform, metric] += 1
    assert {key: value for key, value in told.items() if value} == dict(counted)
    again = plan_of(sqlite_store, viewer, SourceFile("ats.xlsx", xlsx), now)
    assert (again.new, again.changed, again.rejected) == (0, 0, 0)
    assert again.unchanged == done.inserted

"""What screens say of connections: until when they were read, what they can tell, and when numbers begin."""

from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from domain.periods import Comparison
from store.reports.health import Health
from store.reports.shapes import Freshness, SourceRow
from ui import connection_states, dashboard, health, words
from ui.shell import freshness_words

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
READ = Freshness("1", "indeed", "Indeed", "indeed", "completed", NOW, date(2026, 3, 10), None)


def source(platform: str, *connectors: str) -> str:
    entries = [replace(READ, platform=platform, connector=connector) for connector in connectors]
    view = SimpleNamespace(states=[(entry, "") for entry in entries], moment=lambda _: "just now")
    row = SourceRow(platform, platform, None, None, None, 0, False, NOW, state="completed")
    return connection_states.source_line(view, row)  # type: ignore[arg-type]


def test_connections_read_until_the_same_day_are_named_together():
    others = (
        replace(READ, label="X", connector="x", provisional_from=date(2026, 3, 8)),
        replace(READ, label="Late *board*", covered_until=date(2026, 3, 2), provisional_from=date(2026, 3, 1)),
        replace(READ, label="Second", covered_until=date(2026, 3, 2), provisional_from=date(2026, 3, 8)),
        replace(READ, label="New", covered_until=None),
        replace(READ, label="Lix", connector="lix", covered_until=None),
        replace(READ, label="Monster", connector="monster", covered_until=None),
    )
    assert freshness_words([READ, *others]) == [
        "**Read until 10 Mar 2026:** Indeed · X.",
        "**Read until 2 Mar 2026:** Late \\*board\\* · Second.",
        "**Numbers begin the day after the first sync:** Lix.",
        "**Nothing read yet:** New.",
        "**May still change:** Late \\*board\\* from 1 Mar 2026 on · X, Second from 8 Mar 2026 on.",
    ]
    assert freshness_words([]) == []


def test_a_platform_that_reports_no_applications_is_not_said_to_lack_data():
    assert source("facebook", "facebook") == "Reports no applications"
    assert source("x", "x") == "Reports no applications"
    assert source("indeed", "indeed") == "No data for these days"
    assert source("linkedin", "linkedin_page", "lix") == "No data for these days"


@pytest.mark.parametrize(
    ("connector", "synced_at", "covered_until", "begins_later"),
    [
        ("lix", NOW, None, True),
        ("lix", None, None, False),
        ("lix", NOW, date(2026, 3, 9), False),
        ("indeed", NOW, None, False),
        ("", NOW, None, False),
    ],
)
def test_only_running_totals_begin_a_day_after_the_first_sync(connector, synced_at, covered_until, begins_later):
    entry = replace(READ, connector=connector, synced_at=synced_at, covered_until=covered_until)
    assert words.begins_later(entry) is begins_later


def test_where_nothing_is_compared_the_rule_says_only_that():
    rule = "Nothing fair to compare: the days before were not read in full."
    assert dashboard.compared_words(Comparison(None, None, rule)) == rule


def test_nineteen_of_twenty_answers_never_take_longer_than_the_slowest():
    row = Health("1", 1, "indeed", "indeed", "Indeed", requests=20, quantile_95_ms=250, slowest_ms=176)
    (cells,) = health.answers_table([row]).rows
    told = dict(zip([column.label for column in health.answers_table([row]).columns], cells, strict=True))
    assert (told["95 % below (ms)"], told["Slowest (ms)"]) == (176, 176)
    (beyond,) = health.answers_table([replace(row, quantile_95_ms=None)]).rows
    assert beyond[4] is None

"""The counting rules, one case at a time."""

import pytest

from domain.counting import Choice, Connection, Counted, Reading, Told, choose, chosen, count_day
from domain.facts import Origin, Scope
from domain.metrics import BY_NAME

APPLICATIONS, HIRES, SESSIONS, SPEND = (BY_NAME[name].number for name in ("applications", "hires", "sessions", "spend"))
SITE, LINKEDIN, INDEED = 1, 9, 3
BY_SOURCE = {APPLICATIONS: Counted(Scope.TOTAL, by_source=True)}


def read(connection=1, metric=APPLICATIONS, scope=Scope.TOTAL, origin=Origin.POLL, provisional=False):
    return Reading(connection, metric, scope, origin, provisional)


def told(value, connection=1, metric=APPLICATIONS, scope=Scope.TOTAL, origin=Origin.POLL, **more):
    rest = {"posting": 0, "cut": "", "source_platform": 0, "is_projected": False, "currency": ""} | more
    return Told(connection, metric, scope, origin, value=value, **rest)


FINAL, OPEN = read(), read(provisional=True)
EVENT, FILE = read(origin=Origin.EVENT), read(origin=Origin.IMPORT)


@pytest.mark.parametrize(
    ("readings", "counted"),
    [
        ([], None),
        ([FINAL, EVENT, FILE], Origin.POLL),
        ([OPEN, EVENT, FILE], Origin.EVENT),
        ([OPEN, FILE], Origin.POLL),
        ([FILE], Origin.IMPORT),
        ([EVENT, FILE], Origin.EVENT),
    ],
)
def test_one_origin_counts_a_day(readings, counted):
    choice = choose(Connection(1, INDEED), APPLICATIONS, readings)
    assert (choice.origin if choice else None) == counted


def test_the_company_may_prefer_an_origin_where_it_was_read():
    connection = Connection(1, INDEED, preferred={APPLICATIONS: Origin.IMPORT})
    assert choose(connection, APPLICATIONS, [FINAL, FILE]).origin == Origin.IMPORT
    assert choose(connection, APPLICATIONS, [FINAL]).origin == Origin.POLL


def test_a_poll_counts_only_when_its_declared_scope_was_read():
    connection = Connection(1, INDEED, declared={APPLICATIONS: Counted(Scope.POSTING)})
    assert choose(connection, APPLICATIONS, [FINAL]) is None
    assert choose(connection, APPLICATIONS, [read(scope=Scope.POSTING)]).how.scope == Scope.POSTING


def test_hires_are_never_taken_from_a_platform_or_a_file_of_numbers():
    readings = [read(metric=HIRES), read(metric=HIRES, origin=Origin.IMPORT)]
    assert choose(Connection(1, INDEED), HIRES, readings) is None
    projected = read(metric=HIRES, scope=Scope.RESIDUAL, origin=Origin.IMPORT)
    facts = [
        told(9, metric=HIRES, origin=Origin.IMPORT),
        told(2, metric=HIRES, scope=Scope.RESIDUAL, origin=Origin.IMPORT, is_projected=True),
    ]
    count = count_day([Connection(1, INDEED)], [*readings, projected], facts)
    assert count.totals == {(INDEED, HIRES, ""): (2, False)}


def test_two_accounts_of_a_platform_add_up_and_one_account_twice_does_not():
    same = [Connection(1, INDEED, account="a", is_live=False), Connection(2, INDEED, account="a")]
    other = Connection(3, INDEED, account="b")
    choices = chosen([*same, other], [read(1), read(2), read(3)])
    assert [choice.connection for choice in choices] == [2, 3]
    assert [choice.connection for choice in chosen(same, [read(1)])] == [1]


def test_the_internal_connection_only_fills_in():
    connections = [Connection(1, INDEED, is_internal=True), Connection(2, INDEED)]
    assert [choice.connection for choice in chosen(connections, [FILE, read(2)])] == [2]
    assert chosen(connections, [FILE]) == [Choice(1, APPLICATIONS, Origin.IMPORT, Counted(), False)]


def test_read_and_absent_is_zero_and_unread_is_a_gap():
    connection = Connection(1, INDEED, currency="EUR")
    count = count_day([connection], [read(), read(metric=SPEND)], [told(4, metric=1)])
    assert count.totals == {(INDEED, APPLICATIONS, ""): (0, False), (INDEED, SPEND, "EUR"): (0, False)}


def test_a_file_total_goes_before_the_sum_of_its_postings():
    parts = [told(3, scope=Scope.POSTING, origin=Origin.IMPORT, posting=7), told(2, scope=3, origin=Origin.IMPORT)]
    whole = told(6, origin=Origin.IMPORT)
    assert count_day([Connection(1, INDEED)], [FILE], parts).totals == {(INDEED, APPLICATIONS, ""): (5, False)}
    count = count_day([Connection(1, INDEED)], [FILE], [*parts, whole])
    assert count.totals == {(INDEED, APPLICATIONS, ""): (6, False)}
    assert count.postings == {(INDEED, APPLICATIONS, 7, ""): (3, False)}


def test_a_file_of_numbers_and_applications_are_not_added():
    facts = [
        told(3, scope=Scope.POSTING, origin=Origin.IMPORT, posting=7),
        told(2, scope=Scope.POSTING, origin=Origin.IMPORT, posting=7, is_projected=True),
    ]
    count = count_day([Connection(1, INDEED)], [FILE], facts)
    assert count.totals == {(INDEED, APPLICATIONS, ""): (3, False)}
    assert count.postings == {(INDEED, APPLICATIONS, 7, ""): (3, False)}


def test_sessions_of_single_pages_are_not_summed():
    facts = [told(3, metric=SESSIONS, scope=Scope.POSTING, origin=Origin.IMPORT, posting=7)]
    count = count_day([Connection(1, SITE)], [read(metric=SESSIONS, origin=Origin.IMPORT)], facts)
    assert count == ({}, {})


def test_a_breakdown_explains_and_does_not_count():
    count = count_day([Connection(1, INDEED)], [FINAL], [told(5), told(5, cut="campaign"), told(5, cut="source")])
    assert count.totals == {(INDEED, APPLICATIONS, ""): (5, False)}


SITE_FACTS = [
    told(10, cut="source"),
    told(4, cut="source", source_platform=INDEED),
    told(3, cut="source", source_platform=LINKEDIN),
    told(2, cut="source", source_platform=INDEED, scope=Scope.POSTING, posting=7),
    told(1, cut="source", scope=Scope.POSTING, posting=7),
    told(99),
]


def test_an_application_that_another_platform_reports_is_not_the_site_s():
    connections = [Connection(1, SITE, declared=BY_SOURCE), Connection(2, INDEED)]
    count = count_day(connections, [FINAL, read(2)], [*SITE_FACTS, told(6, connection=2)])
    assert count.totals == {(SITE, APPLICATIONS, ""): (13, False), (INDEED, APPLICATIONS, ""): (6, False)}
    assert count.postings == {(SITE, APPLICATIONS, 7, ""): (1, False)}


def test_it_is_the_site_s_where_the_other_platform_was_not_read_that_day():
    connections = [Connection(1, SITE, declared=BY_SOURCE), Connection(2, INDEED)]
    count = count_day(connections, [FINAL, read(2, metric=2)], SITE_FACTS)
    assert count.totals[SITE, APPLICATIONS, ""] == (17, False)
    assert count.postings == {(SITE, APPLICATIONS, 7, ""): (3, False)}


def test_a_platform_that_is_no_site_keeps_every_source():
    connections = [Connection(1, LINKEDIN, declared=BY_SOURCE), Connection(2, INDEED)]
    count = count_day(connections, [FINAL, read(2)], SITE_FACTS)
    assert count.totals[LINKEDIN, APPLICATIONS, ""] == (17, False)


TRACKED = [read(origin=Origin.EVENT)]
NAMED = read(scope=Scope.RESIDUAL, origin=Origin.EVENT)


def tracked(value, **more):
    return told(value, origin=Origin.EVENT, cut="source", **more)


def test_what_the_tracker_saw_counts_without_what_another_platform_reports():
    facts = [tracked(5), tracked(3, source_platform=INDEED), told(9, connection=2)]
    facts.append(tracked(3, scope=Scope.POSTING, posting=7, source_platform=INDEED))
    count = count_day([Connection(1, SITE), Connection(2, INDEED)], [*TRACKED, read(2)], facts)
    assert count.totals == {(SITE, APPLICATIONS, ""): (5, False), (INDEED, APPLICATIONS, ""): (9, False)}
    assert count.postings == {}
    alone = count_day([Connection(1, SITE)], TRACKED, facts)
    assert alone.totals == {(SITE, APPLICATIONS, ""): (8, False)}
    assert alone.postings == {(SITE, APPLICATIONS, 7, ""): (3, False)}


def test_applications_known_one_by_one_go_before_those_only_tracked_and_are_never_added():
    named = told(2, scope=Scope.POSTING, origin=Origin.EVENT, posting=7, is_projected=True)
    count = count_day([Connection(1, SITE)], [*TRACKED, NAMED], [tracked(5), named])
    assert count.totals == {(SITE, APPLICATIONS, ""): (2, False)}


def test_the_tracker_counts_only_while_the_poll_may_still_change():
    connection = Connection(1, SITE, declared=BY_SOURCE)
    facts = [told(9, cut="source"), tracked(5)]
    assert count_day([connection], [OPEN, *TRACKED], facts).totals == {(SITE, APPLICATIONS, ""): (5, False)}
    assert count_day([connection], [FINAL, *TRACKED], facts).totals == {(SITE, APPLICATIONS, ""): (9, False)}


def test_an_estimate_counts_only_where_nobody_else_tells():
    guess = {APPLICATIONS: Counted(is_estimate=True)}
    page, reader = Connection(1, INDEED, account="a"), Connection(2, INDEED, account="a", declared=guess)
    again = Connection(3, INDEED, account="a", declared=guess)
    internal = Connection(4, INDEED, is_internal=True)
    file = FILE._replace(connection=4)
    assert [choice.connection for choice in chosen([page, reader, again], [read(2), read(3)])] == [3]
    assert [choice.connection for choice in chosen([page, reader, again], [FILE, read(2), read(3)])] == [1]
    assert [choice.connection for choice in chosen([reader, internal], [read(2), file])] == [4]
    own = choose(reader, APPLICATIONS, [read(2), FILE._replace(connection=2)])
    assert own is not None
    assert own.origin == Origin.IMPORT

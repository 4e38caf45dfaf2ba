"""Many connections take a line that counts them, and those that failed alike one notice."""

from streamlit.testing.v1 import AppTest


def page(states):
    from datetime import UTC, datetime
    from types import SimpleNamespace

    from store.reports.shapes import Freshness
    from ui import connection_states

    now = datetime(2026, 6, 15, 12, tzinfo=UTC)
    entries = [
        (Freshness("", "indeed", f"Board {number}", "indeed", state, now, now.date(), None), "key_invalid")
        for number, state in enumerate(states)
    ]
    view = SimpleNamespace(states=entries, viewer=SimpleNamespace(is_admin=True), moment=lambda _at: "just now")
    connection_states.pills(view)
    connection_states.notices(view)


def test_a_few_connections_show_their_pills_and_many_a_line_that_opens():
    few = AppTest.from_function(page, args=(["completed"] * 4,)).run(timeout=300)
    many = AppTest.from_function(page, args=(["completed"] * 4 + ["failed"],)).run(timeout=300)
    assert not few.exception
    assert not many.exception
    assert len(few.expander) == 0
    assert [one.label for one in many.expander] == [":red[4 of 5 connections completed, 1 failed]"]
    assert len(many.expander[0].markdown) == 5


def test_what_failed_alike_is_said_once_and_what_failed_otherwise_apart():
    app = AppTest.from_function(page, args=(["failed", "failed", "stale", "completed"],)).run(timeout=300)
    assert not app.exception
    told = [one.value for one in app.error]
    assert len(told) == 2
    assert told[0].startswith("**Board 0** · **Board 1**: ")
    assert told[0].endswith("The numbers shown are the last good ones, the oldest from just now.")
    assert told[1].startswith("**Board 2**: ")
    assert told[1].endswith("The numbers shown are the last good ones, from just now.")

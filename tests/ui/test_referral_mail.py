"""The desk's invitations: what needs a person is said first, decisions are carried out, words are tried on."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import streamlit as st
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from actions.running import use_store
from actions.viewer import Viewer
from domain.filters import Filters
from domain.letters import INVITATION
from domain.periods import named_period
from settings import Settings, current
from store.opening import Store
from store.reports.messages import Undelivered, find_undelivered
from store.reports.referral_lists import WantedReferrals, find_line
from store.reports.scope import find_company
from store.tables import AuditEntry, Company, Mail, MailTemplate, Referral
from tests.jobs.invited import NOW, Programme, mail_settings
from ui import filters, referral_deeds, referral_desk
from ui.filters import Chosen
from ui.shell import View

PATIENCE = 300
CHOSEN = Chosen(filters.DEFAULT, named_period(filters.PERIODS[filters.DEFAULT], NOW.date()), Filters())


def _screen() -> None:
    """The tab by itself; run by Streamlit from its source."""
    from datetime import UTC, datetime

    import streamlit as st

    from actions.running import running_store
    from domain.filters import Filters
    from domain.periods import named_period
    from store.reports.scope import find_company
    from ui import filters, guard, referral_desk, referral_mail, toasts
    from ui.filters import Chosen
    from ui.shell import View

    viewer, now = guard.require("admin"), datetime.now(UTC)
    toasts.show()
    with running_store().reading() as session:
        company = find_company(session, viewer.company_id)
    chosen = Chosen(filters.DEFAULT, named_period(filters.PERIODS[filters.DEFAULT], now.date()), Filters())
    view = View(viewer, company, now, [], chosen, st.container(), 1)
    (referral_desk if st.session_state.get("on_desk") else referral_mail).draw(view)


@pytest.fixture
def programme(store: Store, company: Company) -> Programme:
    return Programme(store, company)


@pytest.fixture
def see(programme: Programme, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AppTest]]:
    """Call it with settings for the screen as the company's admin sees it."""
    viewer = viewer_of(programme)
    monkeypatch.setattr("ui.guard.require", lambda _role=None: viewer)
    use_store(programme.store)

    def run(settings: Settings, *, on_desk: bool = False) -> AppTest:
        for place in ("ui.referral_mail.current", "ui.own_address.current"):
            monkeypatch.setattr(place, lambda: settings)
        app = AppTest.from_function(_screen, default_timeout=PATIENCE)
        app.session_state["on_desk"] = on_desk
        return app.run()

    yield run
    use_store(None)
    current.cache_clear()


def viewer_of(programme: Programme) -> Viewer:
    """The company's admin, who also refers."""
    who = programme.referrer
    return Viewer(who.id, who.company_id, "admin", who.name, who.email)


def stand(programme: Programme, address: str, expires_at: datetime | None = NOW, **values: object) -> Mail:
    """An invitation as it stands after some trying; its referral expires never, or some time after NOW."""
    referral = programme.referral(address, expires_at=expires_at and expires_at + timedelta(days=180))
    invited = programme.invite(mail_settings(9), referral, asked_by="ada@harbour.example")
    with programme.store.writing() as session:
        row = session.get_one(Mail, invited.mail_id)
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)
    return row


def said(app: AppTest) -> str:
    assert not app.exception, app.exception
    shown = [*app.markdown, *app.caption, *app.text, *app.info, *app.error, *app.code, *app.toast]
    return "\n".join(str(each.value) for each in shown)


def press(app: AppTest, key: str) -> AppTest:
    return app.button(key=key).click().run()


def test_what_may_have_arrived_is_asked_first_and_decided_by_a_press(
    programme: Programme, see: Callable[..., AppTest]
) -> None:
    arrived = stand(programme, "a@mail.example", state="unknown", cause_code="timeout")
    lost = stand(programme, "b@mail.example", state="unknown", cause_code="no_worker")
    app = see(mail_settings(9))
    assert "2 invitations may or may not have arrived" in said(app)
    assert "a…@mail.example for Staff nurse" in said(app)
    app = press(app, f"mail_arrived_{arrived.id}")
    app = press(app, f"mail_again_{lost.id}")
    assert "may or may not" not in said(app)
    with programme.store.reading() as session:
        assert session.get_one(Mail, arrived.id).state == "sent"
        assert session.get_one(Mail, lost.id).state == "waiting"
        assert [deed.action for deed in session.exec(select(AuditEntry))] == ["mail.arrived", "mail.again"]


def test_whoever_opens_the_desk_reads_that_a_message_needs_a_person(
    programme: Programme, see: Callable[..., AppTest]
) -> None:
    assert not see(mail_settings(9), on_desk=True).warning
    lost = stand(programme, "b@mail.example", state="unknown", cause_code="no_worker")
    app = see(mail_settings(9), on_desk=True)
    assert [each.value for each in app.warning] == ["1 invitation may or may not have arrived. A person decides."]
    app = press(app, "mail_decide")
    assert not app.warning
    assert "**1 invitation may or may not have arrived**" in said(app), "and there it is decided"
    app = press(app, f"mail_again_{lost.id}")
    app.session_state["part"] = "Rewards"
    assert not app.run().warning


def test_what_could_not_be_delivered_is_told_as_long_as_somebody_can_help(
    programme: Programme, see: Callable[..., AppTest]
) -> None:
    given_up = {"state": "dead", "cause_code": "unreachable", "detail": "Connection refused"}
    first, second = (stand(programme, f"{name}@mail.example", None, **given_up) for name in "ab")
    bounced = stand(programme, "c@mail.example", None, state="refused", cause_code="bounced", detail="550 5.1.1")
    stand(programme, "d@mail.example", None, state="refused", cause_code="ended")
    applied = stand(programme, "e@mail.example", None, **given_up)
    with programme.store.writing() as session:
        session.get_one(Referral, applied.related_id).status = "applied"
    app = see(mail_settings(9), on_desk=True)
    assert [each.value for each in app.warning] == ["3 invitations could not be delivered. A person decides."]
    app = press(app, "mail_decide")
    told = said(app)
    for words in ("**3 invitations could not be delivered**", "There is no such address", "Connection refused"):
        assert words in told
    app = press(app, f"mail_leave_{bounced.id}")
    app = press(app, "mail_retry_all")
    assert "could not be delivered" not in said(app)
    with programme.store.reading() as session:
        states = [session.get_one(Mail, row.id).state for row in (first, second, bounced)]
        assert states == ["waiting", "waiting", "refused"]
        kept = session.get_one(Mail, bounced.id)
    assert (kept.cause_code, kept.detail) == ("left", "ada@harbour.example leaves it at that. 550 5.1.1")
    app.session_state["part"] = "Rewards"
    assert not app.run().warning


def test_a_file_of_the_desk_has_all_that_are_wanted_and_not_a_page_of_them(
    programme: Programme, see: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(referral_desk.PAGE + 1):
        programme.referral(f"p{number}@mail.example")
    app = see(mail_settings(9), on_desk=True)
    assert not app.exception, app.exception
    assert [each.label for each in app.get("download_button")] == ["Download CSV", "Download all 51"]
    with programme.store.reading() as session:
        company = find_company(session, programme.company.id)
    assert company is not None
    view = View(viewer_of(programme), company, NOW, [], CHOSEN, st.empty(), 1)
    monkeypatch.setattr(referral_desk, "_AT_ONCE", 20)
    told = [row[10] for row in referral_desk._whole(view, WantedReferrals()).rows]
    assert told == ["p…@mail.example"] * 51


def _merging() -> None:
    """The choice of another referral to merge; run by Streamlit from its source."""
    import streamlit as st

    from ui import referral_deeds

    referral_deeds._merge(*st.session_state["merging"])


def test_every_other_referral_for_a_posting_can_be_found_to_merge(
    programme: Programme, see: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(referral_deeds, "_MOST_OFFERED", 3)
    rows = [programme.referral(f"p{number}@mail.example", sent_at=NOW - timedelta(days=number)) for number in range(5)]
    see(mail_settings(9))
    with programme.store.reading() as session:
        company = find_company(session, programme.company.id)
        assert company is not None
        line = find_line(session, company, rows[0].id, lambda _id, name, email: (name, email), now=NOW)
    view = View(viewer_of(programme), company, NOW, [], CHOSEN, st.empty(), 1)
    app = AppTest.from_function(_merging, default_timeout=PATIENCE)
    app.session_state["merging"] = (view, line)
    app.run()
    assert not app.exception, app.exception
    assert len(app.selectbox(key="merge_other").options) == 2
    assert app.text_input(key="merge_find").label == "Find it (the newest 3 are listed)"
    for sought in ("P4@mail.example", rows[4].code):
        app.text_input(key="merge_find").set_value(sought).run()
        assert [one[-5:] for one in app.selectbox(key="merge_other").options] == [rows[4].code[-5:]]
    app.text_input(key="merge_find").set_value("nobody@").run()
    assert not app.exception
    assert not app.selectbox
    assert "No other referral for this posting is like that." in said(app)


def test_the_log_shows_states_words_and_who_asked_but_no_whole_address(
    programme: Programme, see: Callable[..., AppTest]
) -> None:
    stand(
        programme,
        "sam@mail.example",
        state="refused",
        cause_code="bounced",
        detail="550 5.1.1 s…@mail.example",
        attempts=1,
    )
    stand(programme, "tom@mail.example", state="sent", sent_at=datetime.now(UTC), attempts=2, detail="250 Taken")
    app = see(mail_settings(9))
    assert not app.exception
    (table,) = app.dataframe
    told = table.value.astype(str).to_string()
    for shown in (
        "Not sent",
        "There is no such address",
        "550 5.1.1",
        "250 Taken",
        "s…@mail.example",
        "ada@harbour.example",
    ):
        assert shown in told
    assert "sam@" not in told
    app.selectbox(key="mail_state").select("Sent").run()
    assert len(app.dataframe[0].value) == 1


def test_without_a_mail_server_the_desk_says_that_nothing_is_sent(see: Callable[..., AppTest]) -> None:
    app = see(mail_settings(9, smtp_url="", public_url=""))
    assert "**Nothing is sent from here:** SMTP_URL and PUBLIC_URL are not set." in said(app)
    assert "Nobody was invited yet" in said(app)
    assert "Nothing is sent" not in said(see(mail_settings(9)))


def test_words_are_tried_on_before_they_are_kept(programme: Programme, see: Callable[..., AppTest]) -> None:
    app = see(mail_settings(9))
    assert app.button(key="invitation_save").disabled, "nothing is changed yet"
    app.text_area(key="invitation_body").set_value("Hi {candidate}, <b>come</b>!\n\n{salary}").run()
    assert "There is no" in said(app)
    assert app.button(key="invitation_save").disabled
    app.text_area(key="invitation_body").set_value("Hi {candidate}, <b>come</b>!\n\n{link}").run()
    assert "Hi Sam Lindqvist, <b>come</b>!" in app.code[0].value
    (shown,) = app.get("html")
    assert "&lt;b&gt;come&lt;/b&gt;" in shown.proto.body
    assert "<b>" not in shown.proto.body
    press(app, "invitation_save")
    with programme.store.reading() as session:
        assert session.exec(select(MailTemplate)).one().body == "Hi {candidate}, <b>come</b>!\n\n{link}"
    press(app, "invitation_reset")
    assert app.text_area(key="invitation_body").value == INVITATION.body
    with programme.store.reading() as session:
        assert session.exec(select(MailTemplate)).first() is None


def test_answers_go_to_referrers_only_after_an_admin_said_so(programme: Programme, see: Callable[..., AppTest]) -> None:
    app = see(mail_settings(9))
    assert app.toggle(key="invitation_replies").value is False
    app.toggle(key="invitation_replies").set_value(True).run()
    with programme.store.reading() as session:
        assert session.get_one(Company, programme.company.id).settings == {"invitations_reply_to_referrer": True}


def test_platform_health_tells_of_messages_to_admins_that_did_not_arrive(programme: Programme) -> None:
    with programme.store.writing() as session:
        company = find_company(session, programme.company.id)
        assert company is not None
        for kind, state, days in (("alert", "dead", 1), ("rewards", "unknown", 2), ("alert", "dead", 8)):
            row = Mail(
                company_id=company.id,
                kind=kind,
                idempotency_key=f"{kind}{days}",
                state=state,
                created_at=NOW - timedelta(days=days),
                detail="Connection refused",
            )
            session.add(row)
    stand(programme, "a@mail.example", state="dead")
    with programme.store.reading() as session:
        found = find_undelivered(session, company, since=NOW - timedelta(days=7))
        later = find_undelivered(session, company, since=NOW)
    assert found == Undelivered({"alert": 1, "rewards": 1}, NOW - timedelta(days=1), "Connection refused")
    assert (found.number, later) == (2, None)


@pytest.mark.parametrize("turn", ["runs a screen", "comes after"])
def test_a_screen_run_here_is_not_the_program_of_later_tests(see: Callable[..., AppTest], turn: str) -> None:
    assert "_screen" not in vars(sys.modules["__main__"])
    if turn == "runs a screen":
        see(mail_settings(9))
        assert "_screen" in vars(sys.modules["__main__"])

"""The outbox of messages on both databases: what is still sent, when, and by whom."""

import threading
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
from sqlmodel import select

from actions.invitations import may_mail
from actions.mailroom import confirm_arrived, send_again, take_back
from actions.viewer import Viewer
from jobs import mail, smtp
from jobs.deliveries import Sent
from jobs.retention import tidy
from settings import Settings
from store.engine import run_writing
from store.reports.invitations import count_failed, count_states, count_unknown, list_failed, list_messages
from store.reports.scope import find_company
from store.tables import AuditEntry, JobPosting, Mail, Referral
from store.tables.columns import new_id
from store.writes.mail import Due, Message, has_due, post, take_due
from store.writes.suppressions import indexes_of, suppress
from tests.jobs.invited import NOW, Programme, send_all
from tests.jobs.postbox import Postbox
from tests.store.plans import plans_of, whole_reads


def test_an_address_that_does_not_exist_is_not_written_to_again(
    programme: Programme, settings: Settings, box: Postbox
) -> None:
    box.mood = "refuse"
    programme.invite(settings, programme.referral("sam+jobs@mail.example"))
    send_all(programme.store, settings)
    box.mood = ""
    with programme.store.reading() as session:
        for address in ("sam+jobs@mail.example", "SAM@mail.example", "sam+other@mail.example"):
            assert not may_mail(session, programme.store.vault, programme.company.id, address)
        assert may_mail(session, programme.store.vault, programme.company.id, "tom@mail.example")
        assert may_mail(session, programme.store.vault, new_id(), "sam@mail.example"), "of another company"
    assert programme.invite(settings, programme.referral("sam@mail.example")).reason == "suppressed"


@pytest.mark.parametrize("change", ["suppressed", "ended", "closed"])
def test_a_message_that_waits_is_not_sent_once_nobody_wants_it(
    programme: Programme, settings: Settings, box: Postbox, change: str
) -> None:
    referral = programme.referral()
    invited, other = (
        programme.invite(settings, referral),
        programme.invite(settings, programme.referral("b@mail.example")),
    )
    with programme.store.writing() as session:
        if change == "suppressed":
            indexes = indexes_of(programme.store.vault, "sam@mail.example")
            suppress(session, programme.company.id, indexes, "unsubscribed", now=NOW)
        elif change == "ended":
            row = session.get_one(Referral, referral.id)
            row.withdrawn_at = NOW
            session.add(row)
        else:
            posting = session.get_one(JobPosting, programme.posting.id)
            posting.status = "closed"
            session.add(posting)
    states = send_all(programme.store, settings)
    assert states == ([] if change == "closed" else ["sent"])
    assert (programme.mail(invited).state, programme.mail(invited).cause_code) == ("refused", change)
    assert programme.mail(other).state == ("refused" if change == "closed" else "sent")
    assert "sam@mail.example" not in box.recipients()


def test_who_opts_out_while_we_speak_to_the_server_gets_nothing(
    programme: Programme, settings: Settings, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    invited = programme.invite(settings)
    vault, compose = programme.store.vault, smtp.compose

    def compose_late(*told: object) -> EmailMessage:
        with programme.store.writing() as session:
            suppress(session, programme.company.id, indexes_of(vault, "sam@mail.example"), "unsubscribed", now=NOW)
        return compose(*told)

    monkeypatch.setattr(smtp, "compose", compose_late)
    assert send_all(programme.store, settings) == ["left"]
    assert (programme.mail(invited).state, programme.mail(invited).cause_code) == ("refused", "suppressed")
    assert box.taken == []


def test_alerts_reach_people_of_ours_who_opted_out_of_invitations(
    programme: Programme, settings: Settings, box: Postbox
) -> None:
    store, vault = programme.store, programme.store.vault
    with store.writing() as session:
        suppress(session, programme.company.id, indexes_of(vault, "ada@harbour.example"), "unsubscribed", now=NOW)
        message = Message(programme.company.id, "alert", "email", "k", "ada@harbour.example", "Trouble", {"text": "t"})
        post(session, vault, message, now=NOW)
    assert send_all(store, settings) == ["sent"]
    assert box.taken[0][1]["List-Unsubscribe"] is None


def test_alerts_do_not_wait_for_the_pace_of_invitations(programme: Programme, settings: Settings, box: Postbox) -> None:
    slow = Settings(
        **{name: getattr(settings, name) for name in ("smtp_url", "public_url", "mail_from")}, mail_per_minute_text="2"
    )
    for number in range(4):
        programme.invite(settings, programme.referral(f"p{number}@mail.example"))
    message = Message(programme.company.id, "alert", "email", "k", "ada@harbour.example", "Trouble", {"text": "t"})
    later = NOW + timedelta(seconds=1)
    run_writing(programme.store.engine, lambda session: post(session, programme.store.vault, message, now=later))
    assert send_all(programme.store, slow, later) == ["sent"] * 3
    assert "ada@harbour.example" in box.recipients()
    assert len(box.taken) == 3


def test_a_message_whose_key_is_missing_holds_up_no_other(
    programme: Programme, settings: Settings, box: Postbox
) -> None:
    broken = programme.invite(settings)
    with programme.store.writing() as session:
        row = session.get_one(Mail, broken.mail_id)
        row.recipient = row.recipient.replace(".k1.", ".lost.")
        session.add(row)
    programme.invite(settings, programme.referral("b@mail.example"))
    assert send_all(programme.store, settings) == ["sent"]
    assert (programme.mail(broken).state, programme.mail(broken).cause_code) == ("waiting", "key_missing")


def test_a_person_decides_what_nobody_knows(
    programme: Programme, settings: Settings, box: Postbox, admin: Viewer
) -> None:
    box.mood = "drop"
    arrived, lost = (programme.invite(settings, programme.referral(f"{one}@mail.example")) for one in "ab")
    assert send_all(programme.store, settings) == ["unknown", "unknown"]
    box.mood = ""
    store = programme.store
    confirm_arrived(store, admin, arrived.mail_id, now=NOW)
    send_again(store, admin, lost.mail_id, now=NOW)
    with pytest.raises(ValueError, match="Nothing is unknown"):
        confirm_arrived(store, admin, arrived.mail_id, now=NOW)
    with pytest.raises(ValueError, match="on its way, or it was sent"):
        send_again(store, admin, arrived.mail_id, now=NOW)
    assert send_all(store, settings) == ["sent"]
    assert box.recipients() == ["a@mail.example", "b@mail.example", "b@mail.example"]
    assert programme.mail(arrived).state == "sent"
    assert len({message["Message-ID"] for _, message in box.taken}) == 2, "it is the same message, and says so"
    with store.reading() as session:
        deeds = [deed.action for deed in session.exec(select(AuditEntry)) if deed.action.startswith("mail.")]
    assert deeds == ["mail.arrived", "mail.again"]


def test_one_taken_back_while_a_worker_holds_it_is_not_sent(
    programme: Programme, settings: Settings, box: Postbox, admin: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    invited, compose = programme.invite(settings), smtp.compose

    def compose_late(*told: object) -> EmailMessage:
        take_back(programme.store, admin, invited.mail_id, now=NOW)
        return compose(*told)

    monkeypatch.setattr(smtp, "compose", compose_late)
    assert send_all(programme.store, settings) == ["left"]
    assert (programme.mail(invited).state, box.taken) == ("refused", [])


def test_an_address_that_bounced_is_tried_anew_by_decision_and_one_that_opted_out_is_not(
    programme: Programme, settings: Settings, box: Postbox, admin: Viewer
) -> None:
    store = programme.store
    box.mood = "refuse"
    bounced = programme.invite(settings)
    send_all(store, settings)
    box.mood = ""
    send_again(store, admin, bounced.mail_id, now=NOW)
    assert send_all(store, settings) == ["sent"]
    other = programme.invite(settings, programme.referral("b@mail.example"))
    with store.writing() as session:
        suppress(session, programme.company.id, indexes_of(store.vault, "b@mail.example"), "unsubscribed", now=NOW)
    assert send_all(store, settings) == []
    with pytest.raises(ValueError, match="asked for no more"):
        send_again(store, admin, other.mail_id, now=NOW)
    assert programme.mail(other).state == "refused"


@pytest.mark.parametrize("has_begun", [False, True])
def test_a_mistake_of_ours_while_sending_ends_like_a_broken_connection(
    programme: Programme, settings: Settings, has_begun: bool
) -> None:
    invited = programme.invite(settings)

    def break_down(_settings: Settings, _due: Due, begin: Callable[[], bool]) -> Sent:
        if has_begun:
            begin()
        raise KeyError("a mistake")

    state = mail.send_next(programme.store, settings, now=lambda: NOW, send=break_down)
    assert state == programme.mail(invited).state == ("unknown" if has_begun else "waiting")


def test_names_are_forgotten_once_a_referral_has_expired_and_a_late_application_still_finds_it(
    programme: Programme, settings: Settings
) -> None:
    late, alive = (
        programme.referral(note="Hi"),
        programme.referral("b@mail.example", expires_at=NOW + timedelta(days=400)),
    )
    invited = programme.invite(settings, late)
    expired = NOW + timedelta(days=181)
    assert tidy(programme.store, expired - timedelta(days=2))["referrals_forgotten"] == 0
    assert tidy(programme.store, expired)["referrals_forgotten"] == 1
    assert tidy(programme.store, expired)["referrals_forgotten"] == 0
    with programme.store.reading() as session:
        gone, kept = (session.get_one(Referral, one.id) for one in (late, alive))
        assert (gone.candidate_name, gone.candidate_email, gone.note) == ("", "", "")
        assert gone.email_index == programme.store.vault.digest("email-bidx", "sam@mail.example")
        assert kept.candidate_email
    mail_row = programme.mail(invited)
    assert (mail_row.state, mail_row.recipient, mail_row.body) == ("refused", "", "")


def test_the_words_of_a_message_are_kept_no_longer_than_they_may_be_sent(
    programme: Programme, settings: Settings, box: Postbox
) -> None:
    sent = programme.invite(settings)
    mail.send_next(programme.store, settings, now=lambda: NOW)
    # Only now: of two made in one millisecond either may go first.
    lost = programme.invite(settings, programme.referral("b@mail.example"))
    box.mood = "drop"
    mail.send_next(programme.store, settings, now=lambda: NOW)
    assert (programme.mail(sent).state, programme.mail(sent).body) == ("sent", "")
    assert (programme.mail(lost).state, bool(programme.mail(lost).body)) == ("unknown", True)


def test_the_log_is_read_from_indexes(programme: Programme, settings: Settings) -> None:
    programme.invite(settings)
    with programme.store.reading() as session:
        company = find_company(session, programme.company.id)
    assert company is not None
    vault = programme.store.vault
    for report in (
        lambda session: count_states(session, company),
        lambda session: count_unknown(session, company),
        lambda session: list_messages(session, vault, company, state="unknown"),
        lambda session: list_messages(session, vault, company),
        lambda session: count_failed(session, company, now=NOW),
        lambda session: list_failed(session, vault, company, now=NOW),
        lambda session: has_due(session, now=NOW),
    ):
        for plan in plans_of(programme.store, report):
            assert "ix_mail_outbox_" in plan
            assert whole_reads(plan, "mail_outbox") == []


def test_two_takers_at_once_get_different_messages(programme: Programme, settings: Settings) -> None:
    for address in ("a@mail.example", "b@mail.example"):
        programme.invite(settings, programme.referral(address))
    store, found, barrier = programme.store, [], threading.Barrier(2)

    def take(name: str) -> None:
        barrier.wait(60)
        due = run_writing(store.engine, lambda session: take_due(session, store.vault, name, now=NOW))
        found.append(due.recipient if due else "")

    threads = [threading.Thread(target=take, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(found) == ["a@mail.example", "b@mail.example"]

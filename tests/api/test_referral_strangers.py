"""Codes and tokens of recommendations: what guessing finds out, and what a mailed token does."""

from datetime import UTC, datetime

import pytest
from sqlmodel import col, select

from actions.invitations import invite
from actions.opting_out import NOT_ME, STOP, token_of
from api.guessing import MOST_BY_ONE
from api.referral_pages import NOBODY
from settings import Settings
from store.reports.landing import find_landing
from store.tables import AuditEntry, Mail, MailSuppression, Referral
from tests.api.referred import Desk
from tests.store.plans import watching

MAILS = Settings(smtp_url="smtp://127.0.0.1:9", public_url="https://hiring.example")


@pytest.fixture(scope="module")
def desk(app):
    desk = Desk(app, 7303)
    yield desk
    desk.store.close()


@pytest.mark.parametrize("name", ["nosuchnot", "NOSUCH-NOT", "a", "a" * 5000, "%ff", "' OR 1=1 --", "b" * 65, "not-me"])
def test_an_unknown_code_is_not_found(desk, name):
    with desk.visitor() as visitor:
        for path in (f"/r/{name}", f"/r/{name}/apply"):
            answer = visitor.get(path)
            # "not-me" before "apply" is that page, for a token nobody was sent.
            assert answer.status_code == (200 if path == "/r/not-me/apply" else 404)


def test_a_path_below_or_none_is_not_found(desk):
    made = desk.refer()
    with desk.visitor() as visitor:
        for path in ("/r", "/r/", f"/r/{made.code}/more", f"/r/{made.code}/apply/x", f"/r/{made.code}/..%2f"):
            assert visitor.get(path).status_code == 404, path
        assert visitor.post(f"/r/{made.code}").status_code == 405


def lock_out(guesser):
    """Try codes until the answer is to wait; that answer, and how many came before it. A minute may end between."""
    for tried in range(5 * MOST_BY_ONE):
        answer = guesser.get(f"/r/bcdfg-hjkmn-prst{tried:x}")
        if answer.status_code == 429:
            return answer, tried
        assert answer.status_code == 404
    raise AssertionError("nobody is slowed down")


def test_who_tries_codes_has_to_wait_and_others_do_not(desk):
    made = desk.refer()
    with desk.visitor() as guesser, desk.visitor() as honest:
        for _ in range(5):
            refused, tried = lock_out(guesser)
            found = guesser.get(f"/r/{made.code}")
            if found.status_code == 429:
                break
        assert (found.status_code, found.text) == (429, refused.text), "a code found on the way looks like a miss"
        assert tried <= 2 * MOST_BY_ONE
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert honest.get(f"/r/{made.code}").status_code == 200
        assert honest.get("/r/bcdfg-hjkmn-prstv").status_code == 404


def test_every_miss_looks_the_same_and_is_looked_up_in_the_same_way(desk):
    shapes = ["bcdfg-hjkmn-prstv", "a" * 60, "zz", "x" * 500, "%01"]
    bodies, asked = set(), set()
    for shape in shapes:
        with desk.visitor() as visitor:
            answer = visitor.get(f"/r/{shape}")
        bodies.add((answer.status_code, answer.text))
    for code in ("bcdfg-hjkmn-prstv", "zz", NOBODY):
        with desk.store.reading() as session, watching(session) as seen:
            assert find_landing(session, code, now=datetime.now(UTC)) is None
        asked.add(tuple(statement for statement, *_ in seen))
    assert len(bodies) == 1
    assert len(asked) == 1


def test_not_me_ends_the_referral_and_forgets_who_it_was(desk):
    made = desk.refer("Wrong Person")
    with desk.store.writing() as session:
        row = session.get_one(Referral, made.id)
        invited = invite(session, desk.store, row, now=datetime.now(UTC), settings=MAILS)
    path = desk.token(NOT_ME, made.id)
    with desk.visitor() as visitor:
        asked = visitor.get(path)
        assert 'method="post"' in asked.text
        assert desk.row(made.id).declined_at is None, "looking does nothing: programs look at all addresses in a mail"
        done = [visitor.post(path), visitor.post(path)]
        never = visitor.post(f"/r/{NOT_ME}/{'0' * 64}")
    assert [answer.status_code for answer in (*done, never)] == [200, 200, 200]
    assert done[0].text == done[1].text == never.text
    row = desk.row(made.id)
    assert row.declined_at is not None
    assert (row.candidate_name, row.candidate_email, row.email_index, row.person_index) == ("", "", "", "")
    with desk.store.reading() as session:
        mail = session.get_one(Mail, invited.mail_id)
        assert (mail.state, mail.cause_code, mail.recipient, mail.body) == ("refused", "forgotten", "", "")
        reasons = session.exec(
            select(MailSuppression.reason).where(MailSuppression.company_id == desk.ada.company_id)
        ).all()
        assert reasons.count("not_me") == 2, "the address and the mailbox behind it"
        deeds = session.exec(select(AuditEntry).where(col(AuditEntry.target) == str(made.id))).all()
    assert [deed.action for deed in deeds].count("referral.decline") == 1
    with desk.visitor() as visitor:
        assert visitor.get(f"/r/{made.code}").status_code == 410


def test_one_click_of_a_mail_program_ends_all_messages(desk):
    made = desk.refer()
    path = desk.token(STOP, made.id)
    with desk.visitor() as program:
        assert program.get(path).status_code == 200
        answer = program.post(path, data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert program.post(f"/r/{STOP}/{'f' * 64}", data={"List-Unsubscribe": "One-Click"}).text == answer.text
    row = desk.row(made.id)
    assert row.declined_at is None, "they may still apply"
    with desk.store.writing() as session:
        again = invite(session, desk.store, session.get_one(Referral, made.id), now=datetime.now(UTC), settings=MAILS)
    assert (again.mail_id, again.reason) == (None, "suppressed")


def test_a_token_is_good_for_one_thing_and_one_referral(desk):
    one, two = desk.refer(), desk.refer()
    mark = token_of(desk.store.vault, NOT_ME, one.id)[32:]
    with desk.visitor() as visitor:
        for path in (
            f"/r/{NOT_ME}/{token_of(desk.store.vault, STOP, one.id)}",
            f"/r/{NOT_ME}/{two.id.hex}{mark}",
            f"/r/{NOT_ME}/{one.code}",
            f"/r/{NOT_ME}/{one.id.hex}{mark.upper()}X",
        ):
            assert visitor.post(path).status_code == 200
    assert desk.row(one.id).declined_at is desk.row(two.id).declined_at is None


def test_another_site_cannot_press_the_button(desk):
    made = desk.refer()
    with desk.visitor() as visitor:
        foreign = visitor.post(desk.token(NOT_ME, made.id), headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert desk.row(made.id).declined_at is None

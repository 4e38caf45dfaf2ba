"""What people decide about invitations: their words, whether one is sent again, and what became of one nobody knows."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from actions.invitations import KIND, MOST_TIMES, REPLIES, Invited, invite
from actions.viewer import NotFound, Viewer, deed, require_admin
from domain.letters import Template, clean_line, clean_lines, problems_of
from settings import Settings
from store.engine import Urgency
from store.opening import Store
from store.tables import Company, Mail, MailTemplate, Referral
from store.writes.audit import append_audit
from store.writes.in_turn import BESIDE_REFERENCES, in_turn
from store.writes.mail import settle_by_hand
from store.writes.suppressions import find_reason, indexes_of, lift_bounces

#: Between two invitations of one person for one posting.
REST = timedelta(hours=20)
#: Invitations of one referral that were asked for, arrived or not.
MOST_TRIES = 10
#: States in which a message has come to an end without having arrived for certain.
OPEN_ENDED = ("unknown", "refused", "dead")
_UNDER_WAY = frozenset({"waiting", "sending"})


def invite_again(
    store: Store, viewer: Viewer, referral_id: uuid.UUID, *, now: datetime, settings: Settings | None = None
) -> Invited:
    """Send the invitation of a referral once more: as an admin, or as who referred.

    Raises NotFound, and ValueError with words: one is under way, nobody knows whether one arrived, it was today, or it
    was often enough.
    """
    with store.writing(Urgency.EVENT) as session:
        referral = session.get(Referral, referral_id)
        if referral is None or referral.company_id != viewer.company_id:
            raise NotFound("There is no such referral.")
        if referral.referrer_id != viewer.user_id and not viewer.is_admin:
            raise NotFound("There is no such referral.")
        earlier = _invitations(session, referral_id)
        _require_rest(earlier, now)
        invited = invite(
            session,
            store,
            referral,
            now=now,
            asked_by=viewer.email,
            number=len(earlier) + 1,
            settings=settings,
        )
        append_audit(session, deed(viewer, "invitation.again", referral_id, reason=invited.reason), now=now)
        return invited


def confirm_arrived(store: Store, viewer: Viewer, mail_id: uuid.UUID, *, now: datetime) -> None:
    """Say that a message of unknown outcome arrived. Raises NotAllowed, NotFound, ValueError."""
    with _deciding(store, viewer, "mail.arrived", mail_id, now) as session:
        detail = f"{viewer.email} says that it arrived."
        values = {"state": "sent", "cause_code": "by_hand", "detail": detail, "body": ""}
        if not settle_by_hand(session, viewer.company_id, mail_id, values, ("unknown",)):
            raise ValueError("Nothing is unknown about this message any more.")


def send_again(store: Store, viewer: Viewer, mail_id: uuid.UUID, *, now: datetime) -> None:
    """Send a message again that was refused, given up, or of which nobody knows.

    It keeps its id, so that a mail server that has it already can see that it is the same. An address that a server did
    not know is tried anew; one that opted out is not. Raises NotAllowed, NotFound, ValueError.
    """
    with _deciding(store, viewer, "mail.again", mail_id, now) as session:
        mail = session.get_one(Mail, mail_id)
        if mail.state in OPEN_ENDED:
            _require_address(session, store, mail)
        values = {
            "state": "waiting",
            "cause_code": "by_hand",
            "detail": f"{viewer.email} has it sent again.",
            "attempts": 0,
            "next_attempt_at": now,
            "holder": "",
            "held_until": None,
        }
        if not settle_by_hand(session, viewer.company_id, mail_id, values, OPEN_ENDED):
            raise ValueError("This message is on its way, or it was sent.")


def leave(store: Store, viewer: Viewer, mail_id: uuid.UUID, *, now: datetime) -> None:
    """Leave it at that a message was refused or given up. Raises NotAllowed, NotFound, ValueError."""
    with _deciding(store, viewer, "mail.leave", mail_id, now) as session:
        said = session.get_one(Mail, mail_id).detail
        values = {
            "state": "refused",
            "cause_code": "left",
            "detail": f"{viewer.email} leaves it at that. {said}".strip()[:500],
        }
        if not settle_by_hand(session, viewer.company_id, mail_id, values, ("refused", "dead")):
            raise ValueError("Nothing is to be decided about this message any more.")


def take_back(store: Store, viewer: Viewer, mail_id: uuid.UUID, *, now: datetime) -> None:
    """Have a message that waits not sent. Raises NotAllowed, NotFound, and ValueError where it is too late."""
    with _deciding(store, viewer, "mail.take_back", mail_id, now) as session:
        values = {
            "state": "refused",
            "cause_code": "taken_back",
            "detail": f"{viewer.email} took it back.",
            "next_attempt_at": None,
        }
        if not settle_by_hand(session, viewer.company_id, mail_id, values, ("waiting",)):
            raise ValueError("It is too late: this message does not wait any more.")


def save_template(store: Store, viewer: Viewer, template: Template, *, now: datetime) -> dict[str, str]:
    """Keep the company's words for invitations; problems by field where they cannot be used. Raises NotAllowed."""
    require_admin(store, viewer, "invitation.words", now=now)
    body = clean_lines(template.body, len(template.body) + 1)
    kept = Template(clean_line(template.subject, len(template.subject) + 1), body)
    problems = problems_of(kept)
    if problems:
        return problems
    with store.writing(Urgency.EVENT) as session:
        in_turn(session, "template", viewer.company_id)
        row = session.get(MailTemplate, (viewer.company_id, KIND)) or MailTemplate(
            company_id=viewer.company_id, kind=KIND
        )
        row.subject, row.body = kept.subject, kept.body
        row.updated_by, row.updated_at = viewer.user_id, now
        session.add(row)
        append_audit(session, deed(viewer, "invitation.words", subject=kept.subject), now=now)
    return {}


def drop_template(store: Store, viewer: Viewer, *, now: datetime) -> None:
    """Go back to our words. Raises NotAllowed."""
    require_admin(store, viewer, "invitation.words_dropped", now=now)
    with store.writing(Urgency.EVENT) as session:
        row = session.get(MailTemplate, (viewer.company_id, KIND))
        if row is not None:
            session.delete(row)
            append_audit(session, deed(viewer, "invitation.words_dropped"), now=now)


def let_answer_referrers(store: Store, viewer: Viewer, *, is_on: bool, now: datetime) -> None:
    """Whether answers to invitations go to who referred, whose address candidates then see. Raises NotAllowed."""
    require_admin(store, viewer, "invitation.replies", now=now)
    with store.writing(Urgency.EVENT) as session:
        company = session.get_one(Company, viewer.company_id, with_for_update=BESIDE_REFERENCES)
        company.settings = {**company.settings, REPLIES: is_on}
        session.add(company)
        append_audit(session, deed(viewer, "invitation.replies", on=is_on), now=now)


def _require_address(session: Session, store: Store, mail: Mail) -> None:
    """Raises ValueError where there is nobody to write to any more; forgets that a server did not know the address."""
    if not mail.recipient or not mail.body:
        raise ValueError("The address is deleted, so there is nobody to write to.")
    indexes = indexes_of(store.vault, store.vault.open("mail_outbox", mail.id, "recipient", mail.recipient))
    lift_bounces(session, mail.company_id, indexes)
    if find_reason(session, mail.company_id, indexes):
        raise ValueError("Somebody at this address asked for no more messages.")


def _invitations(session: Session, referral_id: uuid.UUID) -> list[Mail]:
    return list(
        session.exec(
            select(Mail)
            .where(col(Mail.related_id) == referral_id, col(Mail.kind) == KIND)
            .order_by(col(Mail.created_at), col(Mail.id))
        )
    )


def _require_rest(earlier: list[Mail], now: datetime) -> None:
    if not earlier:
        return
    last = earlier[-1]
    if last.state in _UNDER_WAY:
        raise ValueError("An invitation is on its way already.")
    if last.state == "unknown":
        raise ValueError("Nobody knows yet whether the last invitation arrived. An admin decides that first.")
    if sum(mail.state == "sent" for mail in earlier) >= MOST_TIMES:
        raise ValueError(f"They were invited {MOST_TIMES} times already. Send them the link yourself.")
    if len(earlier) >= MOST_TRIES:
        raise ValueError("It failed too often. The desk's invitations show an admin why.")
    if last.state == "sent" and now - (last.sent_at or last.created_at) < REST:
        raise ValueError("They were invited less than a day ago. Give them some time.")


@contextmanager
def _deciding(store: Store, viewer: Viewer, action: str, mail_id: uuid.UUID, now: datetime) -> Iterator[Session]:
    """A write transaction about one of the company's messages, written into the audit log."""
    require_admin(store, viewer, action, mail_id, now=now)
    with store.writing(Urgency.EVENT) as session:
        mail = session.get(Mail, mail_id)
        if mail is None or mail.company_id != viewer.company_id:
            raise NotFound("There is no such message.")
        yield session
        append_audit(session, deed(viewer, action, mail_id, referral=mail.related_id), now=now)

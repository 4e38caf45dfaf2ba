"""A company that invites people, for tests of mail: its referrals, and their invitations in the outbox."""

from datetime import UTC, datetime, timedelta
from typing import Any

from actions.invitations import Invited, invite
from jobs import mail
from settings import Settings
from store.opening import Store
from store.tables import Company, JobPosting, Mail, Referral, User
from store.tables.columns import new_id
from tests.conftest import TEST_KEYS

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def mail_settings(port: int, database_url: str = "", **more: str) -> Settings:
    """Settings of a program that sends by the mail server at `port`."""
    told: dict[str, Any] = {
        "database_url": database_url,
        "encryption_key": TEST_KEYS,
        "smtp_url": f"smtp://127.0.0.1:{port}",
        "public_url": "https://hiring.example",
        "mail_from": "Harbour Jobs <jobs@harbour.example>",
        "mail_per_minute_text": "100000",
    }
    return Settings(**{**told, **more})


def send_all(store: Store, settings: Settings, now: datetime = NOW) -> list[str]:
    """States of all messages that are due, one after the other."""
    states: list[str] = []
    while (state := mail.send_next(store, settings, now=lambda: now)) is not None:
        states.append(state)
        assert len(states) < 100
    return states


class Programme:
    """A referral programme: one posting, one referrer."""

    def __init__(self, store: Store, company: Company) -> None:
        self.store, self.company = store, company
        self.posting = JobPosting(company_id=company.id, number=1, title="Staff nurse", location="Utrecht")
        self.referrer = User(company_id=company.id, email="ada@harbour.example", name="Ada Lovelace", role="admin")
        with store.writing() as session:
            session.add_all([self.posting, self.referrer])

    def referral(self, email: str = "sam@mail.example", name: str = "Sam Lind", **values: Any) -> Referral:
        """A referral of this address."""
        row_id, vault = new_id(), self.store.vault
        row = Referral(
            id=row_id,
            company_id=self.company.id,
            posting_id=self.posting.id,
            referrer_id=self.referrer.id,
            referrer_name=self.referrer.name,
            candidate_name=vault.seal("referrals", row_id, "candidate_name", name),
            candidate_email=vault.seal("referrals", row_id, "candidate_email", email),
            email_index=vault.digest("email-bidx", email),
            code=f"code-{row_id.hex[-12:]}",
            sent_at=NOW,
            expires_at=NOW + timedelta(days=180),
        )
        note = values.pop("note", "")
        row.note = vault.seal("referrals", row_id, "note", note) if note else ""
        for field, value in values.items():
            setattr(row, field, value)
        with self.store.writing() as session:
            session.add(row)
        return row

    def invite(self, settings: Settings, referral: Referral | None = None, **more: Any) -> Invited:
        """Put a referral's invitation into the outbox."""
        row_id = (referral or self.referral()).id
        with self.store.writing() as session:
            return invite(session, self.store, session.get_one(Referral, row_id), now=NOW, settings=settings, **more)

    def mail(self, invited: Invited) -> Mail:
        """The message as it stands."""
        assert invited.mail_id is not None, invited.reason
        with self.store.reading() as session:
            return session.get_one(Mail, invited.mail_id)

"""A company with postings and connections to the sandbox's boards, for tests of the outbox."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlmodel import select

from connectors.publishing import Draft
from connectors.registry import CONNECTORS
from sandbox.launch import Sandbox
from store.opening import Store
from store.tables import Company, ExternalPosting, JobPosting, OutboxEntry, PlatformConfig
from store.writes.credentials import seal_secrets
from store.writes.outbox import Wish, ask_for
from tests.connectors.drafts import DRAFT
from tests.connectors.rig import config_values
from tests.connectors.traits import traits_of

MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)


def connect_board(store: Store, sandbox: Sandbox, company: Company, key: str, number: int = 1) -> PlatformConfig:
    """An active connection to one of the sandbox's boards."""
    kind = CONNECTORS[key]
    values: Mapping[str, Any] = {**config_values(sandbox, key), **traits_of(key).publishing}
    secret = set(kind.secret_fields())
    config = PlatformConfig(
        number=number,
        company_id=company.id,
        platform=kind.platform,
        connector=key,
        name=kind.label,
        is_active=True,
        created_at=MADE_AT,
        checked_at=MADE_AT,
        settings={name: value for name, value in values.items() if name not in secret},
    )
    config.credentials = seal_secrets(store.vault, config.id, {name: values[name] for name in secret & set(values)})
    with store.writing() as session:
        session.add(config)
    return config


def make_posting(store: Store, company: Company, number: int = 1) -> uuid.UUID:
    """A posting that can be advertised."""
    posting = JobPosting(
        company_id=company.id,
        number=number,
        title=f"Gripper engineer {number}",
        requisition_ref=f"REQ-{number}",
        advert=DRAFT.advert.model_dump(mode="json"),
    )
    with store.writing() as session:
        session.add(posting)
    return posting.id


def draft_of(number: int = 1, **changes: Any) -> Draft:
    """What is sent of that posting."""
    return DRAFT.model_copy(update={"ref": f"REQ-{number}-0f3a9c", "title": f"Gripper engineer {number}", **changes})


def ask(
    store: Store, config: PlatformConfig, posting_id: uuid.UUID, draft: Draft, kind: str = "publish", *, now: datetime
) -> uuid.UUID:
    """Put a wish into the outbox, as the button does; the entry's id."""
    with store.writing() as session:
        wish = Wish(
            company_id=config.company_id,
            config_id=config.id,
            kind=kind,
            ref=draft.ref,
            payload=draft.model_dump(mode="json"),
            requested_by="admin@acme.example",
            posting_id=posting_id,
        )
        return ask_for(session, wish, now=now).id


def entry_of(store: Store, entry_id: uuid.UUID) -> OutboxEntry:
    """An entry as it stands."""
    with store.reading() as session:
        return session.get_one(OutboxEntry, entry_id)


def standings(store: Store) -> dict[str, tuple[str, uuid.UUID | None]]:
    """Status and posting of every external posting, by reference."""
    with store.reading() as session:
        return {row.external_ref: (row.status, row.posting_id) for row in session.exec(select(ExternalPosting))}

"""Publish postings on platforms, bring them up to date, and take them off: by way of the outbox."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlmodel import Session, col, select

from actions.viewer import NotFound, Viewer, deed, require_admin
from connectors.publishing import Draft, Publisher
from connectors.registry import find_connector
from domain.adverts import Advert, reference
from domain.links import LONGEST_ADDRESS, is_allowed, plain_campaign, tagged
from domain.visits import site_origin
from settings import Settings
from store.engine import Urgency
from store.opening import Store
from store.reports.links import own_address
from store.reports.tracker import list_origins
from store.tables import Company, JobPosting, PlatformConfig
from store.writes.audit import append_audit
from store.writes.links import make_link
from store.writes.outbox import Wish, ask_for, find_ref, list_entries, try_again
from store.writes.postings import PostingUnknown, edit_posting, get_posting


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking. `problems` by field of ours: nothing was put into the outbox. Else its entry's state."""

    state: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Place:
    """A posting of ours and a connection of ours on which it can be published."""

    posting: JobPosting
    config: PlatformConfig
    kind: type[Publisher[Any]]


def publish(
    store: Store,
    settings: Settings,
    viewer: Viewer,
    posting_id: uuid.UUID,
    config_id: uuid.UUID,
    *,
    boost: str = "",
    now: datetime,
) -> Asked:
    """Have a posting published on a platform, or brought up to date where it stands there already.

    What the platform refuses for certain is said at once. Raises NotAllowed, NotFound, and ValueError for a connection
    that does not publish or a posting that is not open.
    """
    require_admin(store, viewer, "posting.publish", posting_id, now=now)
    with store.writing(Urgency.EVENT) as session:
        place = _place(session, viewer, posting_id, config_id)
        if place.posting.status != "open":
            raise ValueError("Only an open posting can be published. Reopen it first.")
        draft = _draft(session, settings, viewer, place, now=now).model_copy(update={"boost": boost})
        problems = place.kind.problems(draft)
        if problems:
            return Asked(problems=problems)
        kind = "update" if _stands(session, place) else "publish"
        return Asked(_ask(session, viewer, place, (kind, draft), now=now))


def close(
    store: Store, settings: Settings, viewer: Viewer, posting_id: uuid.UUID, config_id: uuid.UUID, *, now: datetime
) -> Asked:
    """Have a posting taken off a platform. Raises as `publish`, but for a posting that is closed here."""
    require_admin(store, viewer, "posting.unpublish", posting_id, now=now)
    with store.writing(Urgency.EVENT) as session:
        place = _place(session, viewer, posting_id, config_id)
        draft = _draft(session, settings, viewer, place, now=now)
        return Asked(_ask(session, viewer, place, ("close", draft), now=now))


def again(store: Store, viewer: Viewer, posting_id: uuid.UUID, config_id: uuid.UUID, *, now: datetime) -> None:
    """Have what waits, or was given up on, tried at once. Raises NotAllowed or NotFound."""
    require_admin(store, viewer, "posting.publish_again", posting_id, now=now)
    with store.writing(Urgency.EVENT) as session:
        place = _place(session, viewer, posting_id, config_id)
        entries = list_entries(session, place.config.id, place.posting.id)
        if entries:
            try_again(session, entries[-1], now=now)
        append_audit(session, deed(viewer, "posting.publish_again", posting_id, connection=str(config_id)), now=now)


def save_advert(
    store: Store, viewer: Viewer, posting_id: uuid.UUID, values: Mapping[str, Any], *, now: datetime
) -> dict[str, str]:
    """Keep what a posting says where it is advertised; problems by field where it cannot be kept.

    `values` are fields of an Advert, and `apply_url`. Raises NotAllowed and NotFound.
    """
    require_admin(store, viewer, "posting.advert", posting_id, now=now)
    told = dict(values)
    apply_url = str(told.pop("apply_url", "")).strip()
    problems = {} if not apply_url or _is_address(apply_url) else {"apply_url": "An https address is needed."}
    try:
        advert = Advert.model_validate(told)
    except ValidationError as error:
        for item in error.errors(include_input=False, include_url=False):
            name = str(item["loc"][0]) if item["loc"] else _field_of(item["msg"])
            problems[name] = _sentence(item["msg"])
        return problems
    if problems:
        return problems
    with store.writing(Urgency.EVENT) as session:
        try:
            kept = {"advert": advert.model_dump(mode="json"), "apply_url": apply_url}
            edit_posting(session, viewer.company_id, posting_id, kept, actor=viewer.email, now=now)
        except PostingUnknown:
            raise NotFound("There is no such posting.") from None
        append_audit(session, deed(viewer, "posting.advert", posting_id, fields=sorted(values)), now=now)
    return {}


def _place(session: Session, viewer: Viewer, posting_id: uuid.UUID, config_id: uuid.UUID) -> _Place:
    try:
        posting = get_posting(session, viewer.company_id, posting_id)
    except PostingUnknown:
        raise NotFound("There is no such posting.") from None
    config = session.exec(
        select(PlatformConfig).where(
            col(PlatformConfig.id) == config_id,
            col(PlatformConfig.company_id) == viewer.company_id,
            col(PlatformConfig.deleted_at).is_(None),
        )
    ).first()
    if config is None:
        raise NotFound("There is no such connection.")
    kind = find_connector(config.connector)
    if kind is None or not issubclass(kind, Publisher) or not kind.publishes(config.settings):
        raise ValueError("Nothing can be published by this connection.")
    if not config.is_active:
        raise ValueError("This connection is switched off. Switch it on first.")
    return _Place(posting, config, kind)


def _stands(session: Session, place: _Place) -> bool:
    """Whether the last thing that was said of the posting there leaves it standing."""
    done = [entry for entry in list_entries(session, place.config.id, place.posting.id) if entry.state == "done"]
    return bool(done) and done[-1].kind != "close"


def _ask(session: Session, viewer: Viewer, place: _Place, what: tuple[str, Draft], *, now: datetime) -> str:
    kind, draft = what
    wish = Wish(
        company_id=viewer.company_id,
        config_id=place.config.id,
        kind=kind,
        ref=draft.ref,
        payload=draft.model_dump(mode="json"),
        requested_by=viewer.email,
        posting_id=place.posting.id,
    )
    entry = ask_for(session, wish, now=now)
    action = {"close": "posting.unpublish"}.get(kind, "posting.publish")
    append_audit(session, deed(viewer, action, place.posting.id, connection=str(place.config.id), what=kind), now=now)
    return entry.state


def _draft(session: Session, settings: Settings, viewer: Viewer, place: _Place, *, now: datetime) -> Draft:
    posting, config = place.posting, place.config
    company = session.get_one(Company, viewer.company_id)
    return Draft(
        ref=find_ref(session, config.id, posting.id) or reference(posting.requisition_ref, posting.number, posting.id),
        requisition_ref=posting.requisition_ref,
        title=posting.title,
        company=company.name,
        department=posting.department,
        apply_url=_apply_address(session, settings, viewer, place, now=now),
        opened_on=posting.opened_on,
        advert=Advert.model_validate(posting.advert),
    )


def _apply_address(session: Session, settings: Settings, viewer: Viewer, place: _Place, *, now: datetime) -> str:
    """Our tracked link where one can lead there and others can reach us; else the address with its UTM words."""
    posting, platform = place.posting, place.config.platform
    origins = list_origins(session, viewer.company_id)
    target = own_address(posting, sorted(origins))
    if not target:
        return ""
    campaign = plain_campaign(posting.requisition_ref or posting.title)
    if settings.public_url.lower().startswith("https://") and is_allowed(target, origins):
        values = {"posting_id": posting.id, "platform": platform, "campaign": campaign, "target_url": target}
        link = make_link(session, viewer.company_id, values, now=now)
        return f"{settings.public_url.rstrip('/')}/l/{link.slug}"
    return tagged(target, platform, campaign, "")


def _is_address(text: str) -> bool:
    return len(text) <= LONGEST_ADDRESS and site_origin(text).startswith("https://")


def _field_of(message: str) -> str:
    """The field that a rule about several of them is shown at."""
    if "currency" in message:
        return "salary_currency"
    return "salary_max" if "salary" in message else ""


def _sentence(message: str) -> str:
    said = message.removeprefix("Value error, ")
    return said[:1].upper() + said[1:] + ("" if said.endswith(".") else ".")

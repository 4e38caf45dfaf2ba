"""Connect platforms: test first, then save; list how connections stand; switch them on and off; delete them."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr, ValidationError
from sqlalchemy import select
from sqlmodel import Session, col

from actions.grants import Kept
from actions.viewer import NotFound, Viewer, deed, require_admin
from connectors.auth import MemoryTokens
from connectors.contract import Account, Connector, ConnectorConfig, Token, TokenCache
from connectors.contract import Session as ConnectorSession
from connectors.errors import CAUSES, ConnectorError
from connectors.http import open_http
from connectors.registry import RETIRED, find_connector
from jobs.tokens import StoredTokens
from settings import Settings
from store.engine import Urgency
from store.opening import Store
from store.tables import PlatformConfig, PlatformToken
from store.tables.columns import new_id, utc_now
from store.writes import connections as rows
from store.writes.audit import append_audit
from store.writes.credentials import allow_token, forget_token, open_secrets, open_token, seal_secrets, seal_token
from store.writes.outbox import wake
from store.writes.registrations import forget_credentials, is_left_there

CHECK_SECONDS = 10.0
LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Options:
    """What every connection has beside its connector's own form: a name, limits, and whether it is synced.

    `rate_limit` is requests an hour, `spend_limit_minor` money a calendar month; None for no limit of our own.
    """

    name: str = ""
    rate_limit: int | None = None
    spend_limit_minor: int | None = None
    is_enabled: bool = True


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a connection was not accepted: our words and cure, the platform's own words, and fields to correct."""

    cause: str
    words: str
    cure: str
    detail: str = ""
    fields: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """What came of a form. `config_id` is None when nothing was saved; `refusal` is None when the test passed."""

    config_id: uuid.UUID | None
    is_active: bool
    account: Account | None
    refusal: Refusal | None


def test_and_save(
    store: Store,
    settings: Settings,
    viewer: Viewer,
    connector_key: str,
    values: Mapping[str, object],
    *,
    now: datetime,
    config_id: uuid.UUID | str | None = None,  # noqa: PT028 - an action, not a test
    options: Options | None = None,  # noqa: PT028
    insist: bool = False,  # noqa: PT028
    grant: Kept | None = None,  # noqa: PT028
) -> Saved:
    """Test a connection with its platform (10 s at most) and save it only when that works.

    Secrets left empty keep the stored ones; `grant` is what was granted in the browser, and goes before both. With
    `insist`, a form that the platform refuses is saved, but switched off. The token that the test got is kept, as the
    refresh token behind it may be good only once.
    A connection that has brought numbers stays with its account; a sync under way begins anew by a changed form.
    Raises NotAllowed, NotFound for an unknown connection, and ValueError for an unknown connector or bad options.
    """
    require_admin(store, viewer, "connection.save", config_id or connector_key, now=now)
    kind = find_connector(connector_key)
    if kind is None:
        raise ValueError(RETIRED.get(connector_key) or f"There is no connector called {connector_key!r}.")
    chosen = _checked_options(options or Options())
    with store.reading() as session:
        stored = _find(session, viewer, config_id) if config_id is not None else None
    if stored is not None and stored.connector != connector_key:
        raise ValueError("A connection cannot change its platform.")
    filled = _filled(store, kind, {**values, **(grant.values if grant else {})}, stored)
    if isinstance(filled, Refusal):
        return Saved(None, False, None, filled)
    tokens = _tokens(store, kind, filled, stored, grant)
    account, refusal = _tested(settings, kind, filled, tokens)
    if stored is not None and account is not None:
        refusal = _moved(store, stored, account)
    if refusal is not None and (account is not None or not insist):
        _note_refusal(store, viewer, connector_key, refusal, now)
        return Saved(None, False, None, refusal)
    form = _Form(kind, filled, account, chosen, grant, tokens)
    config = _save(store, viewer, form, stored, now)
    return Saved(config.id, config.is_active, account, refusal)


test_and_save.__test__ = False  # type: ignore[attr-defined]  # pytest must not take the name for a test


def set_active(store: Store, viewer: Viewer, config_id: uuid.UUID | str, *, active: bool, now: datetime) -> None:
    """Switch a connection on or off; switching off ends its sync.

    Raises NotAllowed, NotFound, and ValueError for switching on what was saved although the platform refused it.
    """
    require_admin(store, viewer, "connection.switch", config_id, now=now)
    with store.writing(Urgency.EVENT) as session:
        config = _find(session, viewer, config_id)
        if active and config.connector and config.checked_at is None:
            raise ValueError("The platform has not accepted this form yet. Edit the connection, then test and save it.")
        config.is_active, config.updated_at = active, now
        session.add(config)
        if not active:
            rows.end_active_jobs(session, config.id, "The connection was switched off.", now=now)
        _recount(session, config, now)
        append_audit(session, deed(viewer, "connection.switch", config.id, active=active), now=now)


def delete(
    store: Store, viewer: Viewer, config_id: uuid.UUID | str, *, erase_facts: bool = False, now: datetime
) -> int:
    """Delete a connection with its credentials. Its numbers stay unless `erase_facts`; how many facts were erased.

    A webhook address registered at the platform is taken away there first; only then the credentials are destroyed.
    Erasing runs in small transactions; asked again after an interruption, it goes on. Raises NotAllowed or NotFound.
    """
    require_admin(store, viewer, "connection.delete", config_id, now=now)
    with store.writing(Urgency.EVENT) as session:
        config = _find(session, viewer, config_id, deleted=erase_facts)
        if config.deleted_at is None:
            config.deleted_at, config.is_active = now, False
            session.add(config)
            rows.end_active_jobs(session, config.id, "The connection was deleted.", now=now)
            # Nobody else could take the webhook's address away at the platform: the job that does destroys them then.
            if not is_left_there(session, config.id):
                forget_credentials(session, config)
            _recount(session, config, now)
        append_audit(session, deed(viewer, "connection.delete", config.id, erase_facts=erase_facts), now=now)
    return _erase(store, config, now) if erase_facts else 0


def _erase(store: Store, config: PlatformConfig, now: datetime) -> int:
    erased = 0
    while True:
        # Looking for days takes long where there are many facts: never while others wait to write.
        with store.reading() as session:
            company_no = rows.company_number(session, config)
            days = rows.list_known_days(session, company_no, config.number)
        for day in days:
            with store.writing() as session:
                erased += rows.erase_days(session, company_no, config.number, [day], now=now)
        if not days:
            with store.writing() as session:
                rows.erase_names(session, config.id, config.number)
            return erased


def _checked_options(options: Options) -> Options:
    if len(options.name) > LONGEST_NAME:
        raise ValueError(f"A name has at most {LONGEST_NAME} letters.")
    if options.rate_limit is not None and options.rate_limit <= 0:
        raise ValueError("The limit of requests an hour must be above 0, or empty.")
    if options.spend_limit_minor is not None and options.spend_limit_minor < 0:
        raise ValueError("The spending limit cannot be negative.")
    return options


def _filled(
    store: Store, kind: type[Connector[Any]], values: Mapping[str, object], stored: PlatformConfig | None
) -> ConnectorConfig | Refusal:
    """The form as the connector's config; empty secrets are filled from the stored connection."""
    secrets = open_secrets(store.vault, stored) if stored is not None else {}
    secret_names = set(kind.secret_fields())
    told = {name: value for name, value in values.items() if name not in secret_names or value not in ("", None)}
    try:
        return kind.config_model.model_validate({**secrets, **told})
    except ValidationError as error:
        # Messages only: the input of a refused field may be a secret.
        fields = {str(item["loc"][0]) if item["loc"] else "": item["msg"] for item in error.errors(include_input=False)}
        cause = CAUSES["config_invalid"]
        return Refusal("config_invalid", cause.words, cause.form_cure, "", fields)


def _tokens(
    store: Store,
    kind: type[Connector[Any]],
    filled: ConnectorConfig,
    stored: PlatformConfig | None,
    grant: Kept | None,
) -> TokenCache:
    """Where the test gets its token. A refresh token may be good once: the one in use is never put aside."""
    if grant is not None:
        return MemoryTokens(utc_now, grant.token)
    if stored is None or open_secrets(store.vault, stored) != _secret_values(kind, filled):
        return MemoryTokens(utc_now)
    if stored.settings == _plain_values(kind, filled):
        with store.writing(Urgency.EVENT) as session:
            allow_token(session, stored.id)
        return StoredTokens(store, stored)
    with store.reading() as session:
        row = session.get(PlatformToken, stored.id)
    # Of another account, perhaps: good for nothing but a refresh.
    worn = open_token(store.vault, stored.id, row.token) if row is not None and row.token else None
    ended = datetime.fromtimestamp(0, UTC)
    return MemoryTokens(utc_now, Token("", ended, worn["refresh_token"]) if worn else None)


def _tested(
    settings: Settings, kind: type[Connector[Any]], filled: ConnectorConfig, tokens: TokenCache
) -> tuple[Account | None, Refusal | None]:
    """The account behind a config, or why the platform refuses it."""
    try:
        with open_http(kind, spend=lambda: None, pause=time.sleep, sandbox_url=settings.sandbox_url) as http:
            source = kind(filled, ConnectorSession(http=http, tokens=tokens))
            with http.hurried(CHECK_SECONDS):
                return source.check(), None
    except ConnectorError as error:
        cause = CAUSES[error.cause]
        return None, Refusal(error.cause, cause.words, cause.form_cure, error.detail)


def _moved(store: Store, stored: PlatformConfig, account: Account) -> Refusal | None:
    """Why the account behind a changed form is not accepted: numbers of two accounts would stand under one name."""
    if stored.account_ref in ("", account.ref):
        return None
    with store.reading() as session:
        if not rows.has_facts(session, rows.company_number(session, stored), stored.number):
            return None
    before = stored.account_label or stored.account_ref
    return Refusal(
        "config_invalid",
        "This form leads to another account than before.",
        "Connect that account beside this one, and switch this one off. The numbers it brought stay.",
        f"{account.label} in place of {before}",
    )


@dataclass(frozen=True, slots=True)
class _Form:
    """A filled form that was tested, and what the test brought."""

    kind: type[Connector[Any]]
    filled: ConnectorConfig
    account: Account | None
    options: Options
    grant: Kept | None
    tokens: TokenCache


def _save(store: Store, viewer: Viewer, form: _Form, stored: PlatformConfig | None, now: datetime) -> PlatformConfig:
    kind, filled, account, options = form.kind, form.filled, form.account, form.options
    with store.writing(Urgency.EVENT) as session:
        config = _find(session, viewer, stored.id) if stored else _new(session, viewer, kind, now)
        plain, secrets = _plain_values(kind, filled), _secret_values(kind, filled)
        before = open_secrets(store.vault, config) if stored else {}
        if stored and (config.settings, before) != (plain, secrets):
            rows.restart_active_jobs(session, config.id, now=now)
            wake(session, config.id, now=now)
        config.settings = plain
        config.credentials = seal_secrets(store.vault, config.id, secrets)
        config.name = options.name.strip() or config.name or kind.label
        config.rate_limit, config.spend_limit_minor = options.rate_limit, options.spend_limit_minor
        config.is_active = account is not None and options.is_enabled
        config.updated_at = now
        config.checked_at = now if account is not None else None
        if account is not None:
            config.account_ref, config.account_label = account.ref, account.label
            config.time_zone, config.currency = account.time_zone or kind.time_zone, account.currency
            config.account_items = account.items
        session.add(config)
        session.flush()
        if isinstance(form.tokens, MemoryTokens):
            _keep_token(store, session, config, form.tokens.kept, form.grant)
        if not config.is_active:
            rows.end_active_jobs(session, config.id, "The connection was switched off.", now=now)
        _recount(session, config, now)
        action = "connection.update" if stored else "connection.create"
        note = deed(viewer, action, config.id, connector=kind.key, active=config.is_active)
        if kind.terms_warning:
            note.facts["accepts_terms"] = True
        append_audit(session, note, now=now)
    return config


def _new(session: Session, viewer: Viewer, kind: type[Connector[Any]], now: datetime) -> PlatformConfig:
    return PlatformConfig(
        id=new_id(),
        number=rows.next_config_number(session),
        company_id=viewer.company_id,
        platform=kind.platform,
        connector=kind.key,
        time_zone=kind.time_zone,
        created_at=now,
    )


def _keep_token(
    store: Store, session: Session, config: PlatformConfig, token: Token | None, grant: Kept | None
) -> None:
    """The token of a tested form in place of the one before, with what is known of its grant."""
    before = session.get(PlatformToken, config.id)
    scopes, ends = ("", None) if before is None else (before.scopes, before.refresh_ends_at)
    if grant is not None:
        scopes, ends = " ".join(grant.scopes), grant.refresh_ends_at
    if before is not None:
        session.expunge(before)
    forget_token(session, config.id)
    if token is None or not (token.access_token or token.refresh_token):
        return
    document = {"access_token": token.access_token, "refresh_token": token.refresh_token}
    document["expires_at"] = token.expires_at.astimezone(UTC).isoformat()
    session.add(
        PlatformToken(
            config_id=config.id,
            company_id=config.company_id,
            token=seal_token(store.vault, config.id, document),
            expires_at=token.expires_at,
            version=1,
            refresh_ends_at=ends,
            scopes=scopes,
        )
    )


def _plain_values(kind: type[Connector[Any]], filled: ConnectorConfig) -> dict[str, object]:
    return filled.model_dump(mode="json", exclude=set(kind.secret_fields()))


def _secret_values(kind: type[Connector[Any]], filled: ConnectorConfig) -> dict[str, str]:
    values = {name: getattr(filled, name) for name in kind.secret_fields()}
    return {
        name: value.get_secret_value()
        for name, value in values.items()
        if isinstance(value, SecretStr) and value.get_secret_value()
    }


def _note_refusal(store: Store, viewer: Viewer, connector_key: str, refusal: Refusal, now: datetime) -> None:
    with store.writing(Urgency.EVENT) as session:
        note = deed(viewer, "connection.test", connector_key, outcome="failed", cause=refusal.cause)
        append_audit(session, note, now=now)


def _recount(session: Session, config: PlatformConfig, now: datetime) -> None:
    """Have the connection's days counted again: which platform owns an application may have changed."""
    company_no = rows.company_number(session, config)
    days = rows.list_covered_days(session, company_no, config.number)
    rows.mark_days_dirty(session, company_no, config.number, days, now=now)


def _find(session: Session, viewer: Viewer, config_id: uuid.UUID | str, *, deleted: bool = False) -> PlatformConfig:
    try:
        known = config_id if isinstance(config_id, uuid.UUID) else uuid.UUID(config_id)
    except ValueError:
        raise NotFound("There is no such connection.") from None
    statement = select(PlatformConfig).where(
        col(PlatformConfig.id) == known, col(PlatformConfig.company_id) == viewer.company_id
    )
    if not deleted:
        statement = statement.where(col(PlatformConfig.deleted_at).is_(None))
    config: PlatformConfig | None = session.execute(statement).scalars().first()
    if config is None:
        raise NotFound("There is no such connection.")
    return config

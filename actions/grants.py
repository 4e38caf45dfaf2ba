"""Access granted in the browser: send an admin to the platform, take the code they bring back, keep it until saved.

What comes back waits, sealed, in `oauth_requests` for the admin who asked, and enters a connection only through the
same test-and-save as a typed form.
"""

import json
import secrets
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pydantic import SecretStr, ValidationError
from sqlalchemy import delete, update
from sqlmodel import Session, col

import connectors.grants as protocol
from actions.viewer import NotFound, Viewer, deed, require_admin
from connectors.auth import Client, MemoryTokens
from connectors.contract import Choice, Connector, Token
from connectors.contract import Session as ConnectorSession
from connectors.errors import CAUSES, ConfigError, ConnectorError
from connectors.http import open_http
from connectors.registry import find_connector
from settings import Settings
from store.engine import Urgency
from store.opening import Store
from store.tables import OAuthRequest, PlatformConfig
from store.vault import VaultError
from store.writes.audit import append_audit
from store.writes.credentials import open_secrets

#: Where platforms send people back to, below our address; registered with each platform's app.
CALLBACK = "/auth/callback"
#: How long somebody may take at the platform, and then with the form.
PATIENCE = timedelta(minutes=30)
_CHOICE_SECONDS = 10.0
_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A grant that came back, for the form: what to choose from, and what the platform granted.

    `values` are the form's plain fields; what is secret stays here. `words` and `cure` say what went wrong, "" if
    nothing did.
    """

    state: str
    connector: str
    config_id: uuid.UUID | None
    values: Mapping[str, object]
    choices: tuple[Choice, ...] = ()
    scopes: tuple[str, ...] = ()
    refresh_ends_at: datetime | None = None
    words: str = ""
    cure: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """The secret side of a grant, for the save: fields of the form, and the token with its end."""

    values: Mapping[str, object]
    token: Token
    scopes: tuple[str, ...]
    refresh_ends_at: datetime | None


def begin(
    store: Store,
    settings: Settings,
    viewer: Viewer,
    connector_key: str,
    values: Mapping[str, object],
    *,
    back_to: str,
    now: datetime,
    config_id: uuid.UUID | str | None = None,
) -> str:
    """Remember a form and make the address of the platform's consent page; returns the state that names both.

    `back_to` is the address of our callback. The client is the environment's, else the form's, else the stored one.
    Raises NotAllowed, NotFound, and ValueError with words for the form where there is no client.
    """
    require_admin(store, viewer, "connection.grant", config_id or connector_key, now=now)
    kind = _kind(connector_key)
    stored = _stored(store, viewer, config_id)
    client_id, client_secret = _client(store, settings, kind, values, stored)
    state, verifier = secrets.token_urlsafe(32), protocol.new_verifier()
    url = protocol.consent_url(
        protocol.oauth_of(kind),
        client_id,
        redirect_uri=back_to,
        state=state,
        verifier=verifier,
        sandbox_url=settings.sandbox_url,
    )
    told: dict[str, object] = {"url": url, "back_to": back_to, "verifier": verifier}
    told |= {"client": [client_id, client_secret]}
    told |= {"values": {name: value for name, value in values.items() if value not in ("", None)}}
    row = OAuthRequest(
        state_hash=_hashed(store, state),
        company_id=viewer.company_id,
        user_id=viewer.user_id,
        config_id=stored.id if stored else None,
        connector=kind.key,
        created_at=now,
        expires_at=now + PATIENCE,
    )
    row.sealed = _seal(store, row.state_hash, told)
    with store.writing(Urgency.EVENT) as session:
        session.execute(delete(OAuthRequest).where(col(OAuthRequest.expires_at) < now))
        session.add(row)
        append_audit(session, deed(viewer, "connection.grant", stored.id if stored else kind.key), now=now)
    return state


def consent_address(store: Store, viewer: Viewer, state: str, *, now: datetime) -> str:
    """Where the platform asks for consent. Raises NotFound for a state that is not this admin's, used or too old."""
    row, told = _open(store, viewer, state, now)
    if row.used_at is not None:
        raise NotFound(_UNKNOWN)
    return str(told["url"])


def take_back(
    store: Store, settings: Settings, viewer: Viewer, state: str, answer: Mapping[str, str], *, now: datetime
) -> None:
    """Exchange the code that came back, once, and keep what it brought, or why it brought nothing.

    `answer` is the callback's query. Raises NotAllowed, and NotFound as `consent_address` does.
    """
    require_admin(store, viewer, "connection.grant", "callback", now=now)
    row, told = _open(store, viewer, state, now)
    if not _use(store, row.state_hash, now):
        raise NotFound(_UNKNOWN)
    kind = _kind(row.connector)
    try:
        outcome = _exchanged(settings, kind, told, answer)
    except ConnectorError as error:
        cause = CAUSES[error.cause]
        outcome = {"words": cause.words, "cure": cause.form_cure, "detail": error.detail}
    sealed = _seal(store, row.state_hash, {"values": told["values"], "client": told["client"], **outcome})
    with store.writing(Urgency.EVENT) as session:
        session.execute(
            update(OAuthRequest).where(_is(row.state_hash)).values(sealed=sealed, expires_at=now + PATIENCE)
        )
        how = "failed" if outcome.get("words") else "ok"
        note = deed(viewer, "connection.granted", row.config_id or kind.key, outcome=how)
        append_audit(session, note, now=now)


def find_waiting(store: Store, viewer: Viewer, state: str, *, now: datetime) -> Waiting | None:
    """The grant that came back for this admin, None when there is none."""
    try:
        row, told = _open(store, viewer, state, now)
    except NotFound:
        return None
    if row.used_at is None:
        return None
    kind = _kind(row.connector)
    plain = set(kind.config_model.model_fields) - set(kind.secret_fields())
    values = {**told["values"], **told.get("granted", {}), kind.oauth.client_fields[0]: told["client"][0]}  # type: ignore[union-attr]
    ends = told.get("refresh_ends_at")
    return Waiting(
        state,
        kind.key,
        row.config_id,
        {name: value for name, value in values.items() if name in plain},
        tuple(_shown(choice, plain) for choice in told.get("choices", ())),
        tuple(told.get("scopes", ())),
        datetime.fromisoformat(ends) if ends else None,
        told.get("words", ""),
        told.get("cure", ""),
        told.get("detail", ""),
    )


def _shown(choice: Mapping[str, Any], plain: Collection[str]) -> Choice:
    """A choice as a form may show it: a page's own token is among the values of some."""
    values = {name: value for name, value in choice["values"].items() if name in plain}
    return Choice(choice["ref"], choice["label"], values)


def find_kept(store: Store, viewer: Viewer, state: str, choice: str, *, now: datetime) -> Kept | None:
    """What a grant brought, with the values of the chosen account; None when nothing came back."""
    try:
        row, told = _open(store, viewer, state, now)
    except NotFound:
        return None
    if row.used_at is None or "token" not in told:
        return None
    kind = _kind(row.connector)
    chosen: Mapping[str, object] = next(
        (each["values"] for each in told.get("choices", ()) if each["ref"] == choice), {}
    )
    fields = dict(zip(kind.oauth.client_fields, told["client"], strict=True))  # type: ignore[union-attr]
    known = set(kind.config_model.model_fields)
    values = {**told["values"], **fields, **told["granted"], **chosen}
    token = told["token"]
    ends = told.get("refresh_ends_at")
    return Kept(
        {name: value for name, value in values.items() if name in known},
        Token(token["access_token"], datetime.fromisoformat(token["expires_at"]), token["refresh_token"]),
        tuple(told["scopes"]),
        datetime.fromisoformat(ends) if ends else None,
    )


def forget(store: Store, viewer: Viewer, state: str) -> None:
    """Drop a grant that was saved or given up."""
    with store.writing(Urgency.EVENT) as session:
        mine = (_is(_hashed(store, state)), col(OAuthRequest.user_id) == viewer.user_id)
        session.execute(delete(OAuthRequest).where(*mine))


_UNKNOWN = "This consent is not known, was used already, or is too old. Start again from Platforms."


def _exchanged(
    settings: Settings, kind: type[Connector[Any]], told: Mapping[str, Any], answer: Mapping[str, str]
) -> dict[str, Any]:
    if answer.get("error") or not answer.get("code"):
        said = " ".join(answer.get(name, "") for name in ("error", "error_description")).strip()
        raise ConfigError(said[:300] or "the platform sent nobody back with a code", cause="no_permission")
    client_id, client_secret = told["client"]
    client = Client(client_id, SecretStr(client_secret))
    with open_http(kind, spend=_free, pause=time.sleep, sandbox_url=settings.sandbox_url) as http:
        with http.hurried(_CHOICE_SECONDS):
            granted = protocol.exchange(
                kind, http, client, answer["code"], redirect_uri=told["back_to"], verifier=told["verifier"]
            )
        tokens = MemoryTokens(http.now, granted.token)
        # Some platforms say at the redirect which account was chosen there.
        values = {**told["values"], **dict(zip(kind.oauth.client_fields, told["client"], strict=True))}  # type: ignore[union-attr]
        values |= {**granted.values, **kind.redirected(answer)}
        choices = _choices(kind, values, ConnectorSession(http=http, tokens=tokens), http.hurried)
    token = tokens.kept or granted.token
    return {
        "granted": {**granted.values, **kind.redirected(answer)},
        "choices": [asdict(choice) for choice in choices],
        "scopes": granted.scopes,
        "refresh_ends_at": granted.refresh_ends_at.isoformat() if granted.refresh_ends_at else "",
        "token": {
            "access_token": token.access_token,
            "refresh_token": token.refresh_token,
            "expires_at": token.expires_at.astimezone(UTC).isoformat(),
        },
    }


def _choices(
    kind: type[Connector[Any]], values: Mapping[str, object], session: ConnectorSession, hurried: Callable[[float], Any]
) -> tuple[Choice, ...]:
    """The accounts the grant reaches. A form that lacks other fields is asked with what there is."""
    known = {name: value for name, value in values.items() if name in kind.config_model.model_fields}
    try:
        filled = kind.config_model.model_validate(known)
    except ValidationError:
        filled = kind.config_model.model_construct(None, **_typed(kind, known))
    try:
        with hurried(_CHOICE_SECONDS):
            return kind(filled, session).choices()
    except ConnectorError as error:
        # The access was granted all the same: the account is typed in then.
        _LOG.warning("accounts of a grant not listed", connector=kind.key, cause=error.cause)
        return ()


def _typed(kind: type[Connector[Any]], values: Mapping[str, object]) -> dict[str, Any]:
    hidden = set(kind.secret_fields())
    return {name: SecretStr(str(value)) if name in hidden else value for name, value in values.items()}


def _free() -> None:
    """Tokens and lists of accounts cost nothing of a budget that does not exist yet."""


def _kind(connector_key: str) -> type[Connector[Any]]:
    kind = find_connector(connector_key)
    if kind is None or kind.oauth is None:
        raise ValueError(f"{connector_key!r} cannot be connected in the browser.")
    return kind


def _client(
    store: Store,
    settings: Settings,
    kind: type[Connector[Any]],
    values: Mapping[str, object],
    stored: PlatformConfig | None,
) -> tuple[str, str]:
    spec = protocol.oauth_of(kind)
    id_field, secret_field = spec.client_fields
    kept: dict[str, object] = {**stored.settings, **open_secrets(store.vault, stored)} if stored else {}
    typed = tuple(str(values.get(name) or kept.get(name) or "") for name in (id_field, secret_field))
    if typed[0]:
        return typed[0], typed[1]
    found = settings.oauth_client(spec.client_env)
    if found is None:
        raise ValueError(
            f"Fill in the client ID and secret of your app at {kind.label}, or set {spec.client_env}_CLIENT_ID and"
            f" {spec.client_env}_CLIENT_SECRET for everybody."
        )
    return found


def _stored(store: Store, viewer: Viewer, config_id: uuid.UUID | str | None) -> PlatformConfig | None:
    if config_id is None:
        return None
    with store.reading() as session:
        try:
            config = session.get(
                PlatformConfig, config_id if isinstance(config_id, uuid.UUID) else uuid.UUID(config_id)
            )
        except ValueError:
            config = None
    if config is None or config.company_id != viewer.company_id or config.deleted_at is not None:
        raise NotFound("There is no such connection.")
    return config


def _open(store: Store, viewer: Viewer, state: str, now: datetime) -> tuple[OAuthRequest, dict[str, Any]]:
    with store.reading() as session:
        row = session.get(OAuthRequest, _hashed(store, state))
    is_theirs = row is not None and row.company_id == viewer.company_id and row.user_id == viewer.user_id
    if row is None or not is_theirs or row.expires_at <= now:
        raise NotFound(_UNKNOWN)
    try:
        told: dict[str, Any] = json.loads(store.vault.open("oauth_requests", row.state_hash, "sealed", row.sealed))
    except VaultError:
        raise NotFound(_UNKNOWN) from None
    return row, told


def _use(store: Store, state_hash: str, now: datetime) -> bool:
    """Whether this caller is the first to come back with the state."""

    def first(session: Session) -> bool:
        unused = (_is(state_hash), col(OAuthRequest.used_at).is_(None))
        done = session.execute(update(OAuthRequest).where(*unused).values(used_at=now))
        return bool(done.rowcount)  # type: ignore[attr-defined]

    with store.writing(Urgency.EVENT) as session:
        return first(session)


def _seal(store: Store, state_hash: str, told: Mapping[str, object]) -> str:
    return store.vault.seal("oauth_requests", state_hash, "sealed", json.dumps(told))


def _hashed(store: Store, state: str) -> str:
    return store.vault.digest("oauth-state", state)


def _is(state_hash: str) -> Any:
    return col(OAuthRequest.state_hash) == state_hash

"""Builds a connector from a stored connection: credentials from the vault, token cache, budgets, HTTP client."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlmodel import Session as Rows

from connectors.contract import Connector, ConnectorConfig, Session
from connectors.errors import ConfigError
from connectors.http import Http, open_http
from connectors.registry import find_connector
from jobs.budgets import Budget
from jobs.health import note_answers
from jobs.tokens import StoredTokens, naming_vault_errors
from settings import Settings
from store.opening import Store
from store.tables import Company, PlatformConfig
from store.writes.credentials import open_secrets


@dataclass(frozen=True, slots=True)
class Opened:
    """A connector ready to read, with the connection it belongs to and what counts its costs."""

    connector: Connector[Any]
    config: PlatformConfig
    company_no: int
    http: Http
    budget: Budget


@contextmanager
def open_connector(
    store: Store, settings: Settings, config_id: uuid.UUID, *, pause: Callable[[float], None], even_off: bool = False
) -> Iterator[Opened]:
    """The connector of a stored connection, closed at the end of the block.

    `pause(seconds)` waits in place and may raise to interrupt. Raises ConfigError when the connection is gone or
    inactive (unless `even_off`: to take away what is still at the platform), does not fit its form any more, or when
    the key that protects its credentials is missing.
    """
    with store.reading() as session:
        config, company_no = _load(session, config_id, even_off=even_off)
    kind = find_connector(config.connector)
    if kind is None:
        raise ConfigError(f"there is no connector called {config.connector!r}")
    filled = _filled(store, config, kind.config_model)
    with ExitStack() as stack:
        budget = stack.enter_context(Budget(store.engine, config, kind.limits, data_dir=settings.data_dir, pause=pause))
        http = stack.enter_context(open_http(kind, spend=budget.spend, pause=pause, sandbox_url=settings.sandbox_url))
        stack.callback(lambda: note_answers(store, config.number, http.usage, budget.spent, http.now()))
        tokens = StoredTokens(store, config, pause=pause)
        given = Session(http=http, tokens=tokens, flags=_flags(config))
        yield Opened(kind(filled, given), config, company_no, http, budget)


def _flags(config: PlatformConfig) -> frozenset[str]:
    """What the last completed sync said of the numbers."""
    told = config.quality.get("flags")
    return frozenset(map(str, told)) if isinstance(told, list) else frozenset()


def _load(session: Rows, config_id: uuid.UUID, *, even_off: bool) -> tuple[PlatformConfig, int]:
    config = session.get(PlatformConfig, config_id)
    if config is None or (config.deleted_at is not None and not even_off):
        raise ConfigError("The connection was deleted.")
    if not config.is_active and not even_off:
        raise ConfigError("The connection is switched off.")
    return config, session.get_one(Company, config.company_id).number


def _filled(store: Store, config: PlatformConfig, model: type[ConnectorConfig]) -> ConnectorConfig:
    with naming_vault_errors():
        secrets = open_secrets(store.vault, config)
    try:
        return model.model_validate({**config.settings, **secrets})
    except ValidationError as error:
        # Field names only: the values may be secrets.
        fields = ", ".join(sorted({str(item["loc"][0]) for item in error.errors() if item["loc"]}))
        raise ConfigError(f"These settings are not accepted any more: {fields or 'the whole form'}.") from None

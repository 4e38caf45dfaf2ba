"""Connections: how they are set up, and making one. Secrets go in, and never come out."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from actions.connections import Options, Refusal
from actions.platform_configs import field_names, save_config
from actions.viewer import NotFound
from api.answers import Answer
from api.endpoints import Answered, Asking, Endpoint, Reading, open_reading
from api.problems import Unprocessable
from api.questions import Nothing, OneOf, Ref, Strict
from connectors.registry import CONNECTORS, find_connector
from settings import current
from store.reports.connections import ConnectionRow, list_connections

GROUP = "Connections"
_WHOLE = Annotated[int, Field(ge=1, le=2**31 - 1)]


class ConfigQuestion(Strict):
    """A connection to make, or to change."""

    connector: Annotated[str, OneOf(*sorted(CONNECTORS))]
    """Which connector."""
    settings: Annotated[dict[str, Any], Field(max_length=50)]
    """The connector's fields, secrets included; docs/connectors says what each needs. When changing a connection,
    secrets that are left out stay as they are."""
    id: Ref | None = None
    """The connection to change; a new one without."""
    name: Annotated[str, StringConstraints(max_length=120)] = ""
    """What the connection is called on screen."""
    rate_limit: _WHOLE | None = None
    """Requests an hour at most, where the platform's own limit is too high for you."""
    spend_limit_minor: Annotated[int, Field(ge=0, le=2**53)] | None = None
    """Money a month at most, where calls cost money, in minor units."""
    is_active: bool = True
    """Whether it is synced."""
    insist: bool = False
    """Save it although the platform refuses it; it stays switched off then."""


class ConfigAnswer(Answer):
    """A connection. `secrets` names the fields that are stored and never told."""

    id: str
    platform: str
    connector: str
    name: str
    settings: dict[str, Any]
    secrets: list[str]
    is_active: bool
    state: str
    rate_limit: int | None
    spend_limit_minor: int | None
    account_ref: str
    account_label: str
    time_zone: str
    currency: str
    checked_at: datetime | None
    synced_at: datetime | None
    covered_until: date | None


class ConfigsAnswer(Answer):
    """All connections of the company."""

    platform_configs: list[ConfigAnswer]


def configs(reading: Reading, _question: Nothing) -> ConfigsAnswer:
    """The company's connections."""
    rows = list_connections(reading.session, reading.company, reading.now)
    return ConfigsAnswer(platform_configs=[_config(row) for row in rows])


def save(asking: Asking, question: ConfigQuestion) -> Answered:
    """Test with the platform, then save. Raises Unprocessable with the cause where the platform refuses."""
    try:
        saved = save_config(
            asking.store,
            current(),
            asking.viewer,
            question.connector,
            question.settings,
            config_id=question.id,
            options=Options(
                question.name, question.rate_limit, question.spend_limit_minor, is_enabled=question.is_active
            ),
            insist=question.insist,
            now=asking.now,
        )
    except ValueError as error:
        raise Unprocessable([], str(error)) from None
    if saved.config_id is None:
        assert saved.refusal is not None
        raise _refused(question.connector, saved.refusal)
    with asking.store.reading() as session:
        reading = open_reading(session, asking.caller, asking.path)
        rows = list_connections(session, reading.company, asking.now)
    row = next((row for row in rows if row.id == str(saved.config_id)), None)
    if row is None:
        raise NotFound("There is no such connection.")
    return Answered(_config(row), 200 if question.id else 201)


def _refused(connector: str, refusal: Refusal) -> Unprocessable:
    names = field_names(connector)
    fields = [
        {"parameter": f"settings.{names.get(field, field)}"[:100], "reason": words}
        for field, words in (refusal.fields or {}).items()
    ]
    said = " ".join(part for part in (refusal.words, refusal.cure) if part)
    return Unprocessable(fields, said, cause=refusal.cause, platformSaid=refusal.detail)


def _config(row: ConnectionRow) -> ConfigAnswer:
    names, kind = field_names(row.connector), find_connector(row.connector)
    secret = [names[name] for name in kind.secret_fields()] if kind and row.has_secrets else []
    settings = {names.get(name, name): value for name, value in row.settings.items()}
    same = {name: getattr(row, name) for name in ConfigAnswer.__struct_fields__ if name not in {"settings", "secrets"}}
    return ConfigAnswer(**same, settings=settings, secrets=secret)


CONFIGS = (
    Endpoint(
        method="GET",
        path="/platform-configs",
        name="listPlatformConfigs",
        title="How the company's connections are set up",
        group=GROUP,
        scope="configs:read",
        answer=ConfigsAnswer,
        ask=configs,
    ),
    Endpoint(
        method="POST",
        path="/platform-configs",
        name="savePlatformConfig",
        title="Test a connection with its platform, and save it",
        about="The platform is asked first, for at most ten seconds. Where it refuses, nothing is saved and the answer "
        "is 422 with `cause` and what helps; `insist` saves it switched off.",
        group=GROUP,
        scope="configs:write",
        question=ConfigQuestion,
        answer=ConfigAnswer,
        ask=save,
        status=201,
        other_statuses=(200,),
        refusals={404: "There is no such connection."},
    ),
)

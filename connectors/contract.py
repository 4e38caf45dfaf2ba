"""The connector contract: class attributes are the spec, reading is an iterator of pages and waits.

A connector never sees the database, the clock, sleeping or retries. It is built anew for each check or read from its
validated config, a `Session` (the hardened client, already bound to this connector's hosts and budget, and a token
cache), and yields `Page`s and `Wait`s. Reading is always safe to repeat.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from domain.facts import Fact, Scope, Window

if TYPE_CHECKING:
    from connectors.answers import Answer
    from connectors.errors import ConnectorError
    from connectors.http import Http


class ConnectorConfig(BaseModel):
    """Base of every connector's config: drives the form, validation, redaction and docs.

    Fields of type `SecretStr` are credentials: encrypted, never shown again. Every field has a title and a
    description; `json_schema_extra={"placeholder": …, "group": …, "multiline": True}` helps the form.
    """

    # A validation error would otherwise quote what was typed, secrets included.
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, hide_input_in_errors=True)


class TermsConfig(ConnectorConfig):
    """Base of the configs of connectors with a `terms_warning`: nothing is saved before somebody agrees to it."""

    accepts_terms: bool = Field(
        False,
        validate_default=True,
        title="I have read the warning and answer for it",
        description="Without it nothing is connected. Who agreed, and when, is written into the audit log.",
    )

    @field_validator("accepts_terms")
    @classmethod
    def _is_accepted(cls, value: bool) -> bool:
        if not value:
            raise ValueError("read the warning and agree to it, or do not connect")
        return value


ConfigT = TypeVar("ConfigT", bound=ConnectorConfig)


@dataclass(frozen=True, slots=True)
class Offered:
    """A metric this platform reports: the scope that enters totals, and whether totals are summed from sources.

    `counted_by="source"` says that the platform's total is the sum of its source breakdown, so that rows owned by
    another connected platform can be left out (the career site). `postings` tells whether it is also reported per
    posting. `words` says what the platform means by it where that differs from the metric's own definition.

    `counters` says where running totals (`Page.counters`) take the place of dated facts: "never"; for "postings"
    alone, beside totals that the platform dates; "always", so that totals are the sum of the postings' growth; or as
    an "optional" setting of the connection, then for both.

    `is_estimate` says that the platform shows it in place of what it knows ("over 200 applicants"): it is counted only
    where no file, event or application tells of it.
    """

    metric: str
    counted_scope: Scope = Scope.TOTAL
    counted_by: Literal["total", "source"] = "total"
    postings: bool = False
    words: str = ""
    counters: Literal["never", "postings", "always", "optional"] = "never"
    is_estimate: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests allowed per `seconds`, as the platform documents them (first entry) or as caution suggests.

    `cost_minor` is the worst price of one call in minor units of `currency`; 0 where calls are free.
    """

    requests: int
    seconds: int
    cost_minor: int = 0
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Account:
    """What `check` found: the account's name as the platform shows it, and its reporting zone (IANA).

    `items` is how many things a read asks for one by one (campaigns), 0 where it asks for none: see `calls_for`.
    `notes` are sentences for the person who connects: nothing is wrong, but something may surprise.
    """

    ref: str
    label: str
    time_zone: str
    currency: str = ""
    notes: tuple[str, ...] = ()
    items: int = 0


@dataclass(frozen=True, slots=True)
class PostingSeen:
    """A posting as the platform knows it. Any of the other fields helps to link it to one of ours.

    `kind` is "post" for what a page or account wrote: `links` are the addresses in it (expanded where the platform
    shortens them), `campaign` the UTM campaign of the first that has one, `posted_at` its UTC instant.
    """

    ref: str
    title: str = ""
    requisition_ref: str = ""
    path: str = ""
    url: str = ""
    location: str = ""
    kind: Literal["posting", "post"] = "posting"
    links: tuple[str, ...] = ()
    campaign: str = ""
    posted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Counter:
    """A running total as it stands now: it becomes daily facts by difference with what was read before.

    `is_exact` is False where the platform says only "over 100" or "less than 25" (`value` is the bound it names).
    """

    metric: str
    posting: str
    value: int
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class Closed:
    """A slice read whole: what was stored for it before and not seen in this read is gone at the platform."""

    metrics: tuple[str, ...]
    scope: Scope
    start: date
    end: date


def closed_around(whole: Closed, bad_days: Collection[date]) -> tuple[Closed, ...]:
    """A slice without its bad days, of which a record was refused: they stay open, and keep what was stored before.

    >>> whole = Closed(("clicks",), Scope.TOTAL, date(2026, 11, 1), date(2026, 11, 5))
    >>> [(run.start.day, run.end.day) for run in closed_around(whole, [date(2026, 11, 2)])]
    [(1, 2), (3, 5)]
    """
    runs: list[Closed] = []
    since = whole.start
    for day in sorted(day for day in bad_days if whole.start <= day < whole.end):
        if since < day:
            runs.append(replace(whole, start=since, end=day))
        since = day + timedelta(days=1)
    if since < whole.end:
        runs.append(replace(whole, start=since))
    return tuple(runs)


@dataclass(frozen=True, slots=True)
class Page:
    """What one step of a read brought. Everything in it is committed together with the cursor.

    `cursor` resumes the read after this page (opaque text, "" when there is nothing to resume from). `closed` names
    the slices that are complete with this page. `rejected` counts records left out, by reason. `quality` are flags to
    show beside the numbers (`thresholded`, `other_row`, `sampled`). `time_zone` corrects the config's zone.
    `counters` are running totals read just now, for windows that reach today.
    """

    facts: list[Fact]
    cursor: str = ""
    postings: tuple[PostingSeen, ...] = ()
    closed: tuple[Closed, ...] = ()
    rejected: dict[str, int] = field(default_factory=dict)
    quality: tuple[str, ...] = ()
    time_zone: str = ""
    counters: tuple[Counter, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again after `seconds` (an asynchronous report is being made). `cursor` resumes the read."""

    seconds: float
    cursor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Token:
    """An access token with its UTC expiry, and the refresh token that came with it, if any."""

    access_token: str
    expires_at: datetime
    refresh_token: str = ""


class TokenCache(Protocol):
    """Keeps one connection's token, shared by all processes."""

    def current(self) -> Token | None:
        """The stored token if it is good for another minute, else None."""

    def renew(self, used: str, fetch: Callable[[Token | None], Token]) -> Token:
        """A token other than `used`. One caller at a time runs `fetch(stored)`; its result is saved before anybody
        uses it; the others adopt what it saved."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a connector is given to work with. `flags` are the `Page.quality` flags of the last completed sync."""

    http: "Http"
    tokens: TokenCache
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class OAuth:
    """How a person grants access in the browser. All of it is the platform's own; nothing is typed in a form.

    `client_env` is the prefix of the settings that hold the client (`INDEED` for INDEED_CLIENT_ID and
    INDEED_CLIENT_SECRET). `client_in` says where the token address wants the client's secret. `refresh_days` is how
    long a refresh token lives at most, None where it does not end by itself, 0 where the platform gives none.
    `client_fields` are the form's fields for the client, for a company that brings its own. `lasts_days` is how long a
    grant without a refresh token lasts, where that is longer than the first access token's life.
    """

    authorize_url: str
    token_url: str
    scopes: tuple[str, ...]
    client_env: str
    uses_pkce: bool = True
    client_in: Literal["header", "body"] = "body"
    extra: tuple[tuple[str, str], ...] = ()
    refresh_days: int | None = None
    client_fields: tuple[str, str] = ("client_id", "client_secret")
    lasts_days: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """One account that a grant reaches (an employer, a page, a property): the form's values that choose it."""

    ref: str
    label: str
    values: Mapping[str, object]


class Connector(ABC, Generic[ConfigT]):
    """One platform and how to speak with it. Subclasses fill in the class attributes: they are the spec.

    What it can do beyond `check` is said by the capabilities it inherits: `MetricsSource` here, others in
    `connectors/publishing.py` and `connectors/webhooks.py`. `cannot` says plainly what the platform does not give and
    what to do instead; `terms_warning` is agreed to before connecting (`TermsConfig`), where using the platform this
    way may break somebody's terms. Both are sentences for the form, the card and the docs.
    """

    key: ClassVar[str]
    platform: ClassVar[str]
    label: ClassVar[str]
    icon: ClassVar[str]
    summary: ClassVar[str]
    docs_url: ClassVar[str]
    hosts: ClassVar[tuple[str, ...]]
    config_model: ClassVar[type[ConnectorConfig]]
    limits: ClassVar[Limits]
    cannot: ClassVar[str] = ""
    terms_warning: ClassVar[str] = ""
    oauth: ClassVar[OAuth | None] = None
    time_zone: ClassVar[str] = "UTC"
    port: ClassVar[int] = 443
    max_body_bytes: ClassVar[int] = 32 * 1024 * 1024

    def __init__(self, config: ConfigT, session: Session) -> None:
        self.config = config
        self.session = session
        session.http.conceal(*self.secrets())

    @abstractmethod
    def check(self) -> Account:
        """Prove that the config works, within ten seconds. Raises ConnectorError."""

    @classmethod
    def classify(cls, answer: "Answer", now: datetime) -> "ConnectorError | None":  # noqa: ARG003
        """The error an answer stands for, where this platform says it in its own way; None leaves it to the table."""
        return None

    @classmethod
    def granted(cls, answer: Mapping[str, object]) -> dict[str, object]:
        """The form's values that the token address's answer to a new grant brings (`oauth` connectors)."""
        return {"refresh_token": answer.get("refresh_token", "")}

    @classmethod
    def redirected(cls, query: Mapping[str, str]) -> dict[str, object]:  # noqa: ARG003
        """The form's values that the platform adds when it sends somebody back (an employer chosen there)."""
        return {}

    def choices(self) -> tuple[Choice, ...]:
        """The accounts a fresh grant reaches, for a person to choose from; none where there is nothing to choose."""
        return ()

    def secrets(self) -> tuple[str, ...]:
        """The config's credentials in clear, for redaction."""
        values = (getattr(self.config, name) for name in self.secret_fields())
        return tuple(value.get_secret_value() for value in values if value is not None)

    @classmethod
    def secret_fields(cls) -> tuple[str, ...]:
        """Names of the config's fields that are credentials."""
        return tuple(
            name for name, info in cls.config_model.model_fields.items() if _mentions(info.annotation, SecretStr)
        )


class MetricsSource(Connector[ConfigT]):
    """A platform that reports numbers."""

    metrics: ClassVar[tuple[Offered, ...]]
    lookback_days: ClassVar[int]
    interval: ClassVar[Literal["hourly", "daily"]]
    chunk_days: ClassVar[int] = 31

    @abstractmethod
    def read(self, window: Window, cursor: str = "") -> Iterator[Page | Wait]:
        """Yield the window's facts, page by page, resuming after `cursor`. Raises ConnectorError."""

    @classmethod
    @abstractmethod
    def calls_for(cls, window: Window, *, items: int = 0) -> int:
        """How many calls that count reading `window` takes at worst: what the form shows before a full sync.

        `items` is `Account.items` of the last check; 0 where nobody has looked yet.
        """


def _mentions(annotation: Any, wanted: type) -> bool:
    """Whether a type annotation is `wanted` or contains it (Optional, Annotated)."""
    return annotation is wanted or any(_mentions(part, wanted) for part in getattr(annotation, "__args__", ()))

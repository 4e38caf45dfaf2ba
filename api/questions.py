"""What may be asked: the parameters and bodies of our routes, strict, with errors that name the parameter.

The models are the documentation too: OpenAPI's parameters and bodies are made from them.
"""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Literal, TypeVar, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema
from pydantic_core.core_schema import literal_schema
from starlette.requests import Request

from api.problems import Unprocessable
from domain.filters import Filters
from domain.metrics import BY_NAME
from domain.periods import NAMED, Grain, Period, default_grain, named_period
from domain.platforms import BY_KEY

LONGEST_DAYS = 5 * 366
EARLIEST = date(2000, 1, 1)
MOST_ROWS = 1000
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Strict(BaseModel):
    """Unknown names are errors; JSON and query names are camelCase."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True, use_attribute_docstrings=True)


Asked = TypeVar("Asked", bound=Strict)


def _day(value: Any) -> Any:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("write a day as YYYY-MM-DD")
    return value


def parted(value: Any) -> Any:
    """Repeated parameters, each of which may hold several values with commas; every value once."""
    if not isinstance(value, list | tuple):
        return value
    return tuple(dict.fromkeys(part for each in value for part in str(each).split(",")))


class OneOf:
    """Metadata of a text that is one of those known."""

    def __init__(self, *known: str) -> None:
        self.known = known

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        return literal_schema(list(self.known))


Day = Annotated[date, BeforeValidator(_day)]
PlatformKey = Annotated[str, OneOf(*BY_KEY)]
MetricName = Annotated[str, OneOf(*BY_NAME)]
Platforms = Annotated[tuple[PlatformKey, ...], BeforeValidator(parted)]
Plain = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Several = Annotated[tuple[Plain, ...], Field(max_length=50)]
Ref = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]


class Nothing(Strict):
    """No parameters."""


class DaysQuestion(Strict):
    """A period: named, or from a day up to another one."""

    date_range: Literal["7d", "30d", "90d", "1y"] | None = None
    """So many days up to today, in the company's zone. 30d without from and to."""
    from_: Day | None = Field(None, alias="from")
    """First day, YYYY-MM-DD."""
    to: Day | None = None
    """Day after the last one, YYYY-MM-DD."""

    @model_validator(mode="after")
    def _one_period(self) -> "DaysQuestion":
        if self.date_range and (self.from_ or self.to):
            raise ValueError("give dateRange, or from and to, not both")
        if bool(self.from_) != bool(self.to):
            raise ValueError("give from and to together")
        if self.from_ and self.to:
            if self.to <= self.from_:
                raise ValueError("to must be later than from")
            if self.from_ < EARLIEST or (self.to - self.from_).days > LONGEST_DAYS:
                raise ValueError("a period has at most five years, and starts in 2000 at the earliest")
        return self

    def period(self, today: date) -> Period:
        """The days asked for; 30 days when nothing was said. Raises Unprocessable for days that are far ahead."""
        if self.from_ and self.to:
            if self.to > today + timedelta(days=366):
                raise Unprocessable([{"parameter": "to", "reason": "at most a year from now"}])
            return Period(self.from_, self.to)
        return named_period(self.date_range or next(name for name, days in NAMED.items() if days == 30), today)


class PeriodQuestion(DaysQuestion):
    """A period, and platforms to keep."""

    platform: Platforms = ()
    """Platforms to keep, repeated or with commas; all without."""

    @property
    def filters(self) -> Filters:
        """The platforms to keep."""
        return Filters(self.platform)


class DashboardQuestion(PeriodQuestion):
    """A period, platforms to keep, and a grain for trends."""

    grain: Grain | None = None
    """Bucket of the trends: day, ISO week or month; what suits the period without."""

    def trend_grain(self, period: Period) -> Grain:
        """The grain asked for, else the one that suits the period."""
        return self.grain or default_grain(period)


class SeriesQuestion(DashboardQuestion):
    """One metric over time."""

    metric: MetricName = "applications"
    """What to count; see /api/metrics."""


class PageQuestion(Strict):
    """A page of a long answer."""

    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 100
    """Most rows in the answer."""
    cursor: Annotated[str, StringConstraints(min_length=1, max_length=2000)] | None = None
    """`nextCursor` of the answer before; only good for the same question."""


class SyncQuestion(Strict):
    """Which platform to sync ("all" for every connection), and how far back."""

    platform: Annotated[str, OneOf("all", *BY_KEY)]
    """A platform, or all."""
    sync_type: Literal["incremental", "full"] = "incremental"
    """The last days, or twelve months."""


class TokenQuestion(Strict):
    """An e-mail and a password."""

    email: Annotated[str, StringConstraints(min_length=3, max_length=320)]
    """The user's e-mail."""
    password: Annotated[
        str,
        StringConstraints(min_length=1, max_length=1000),
        WithJsonSchema({"type": "string", "format": "password", "minLength": 1, "maxLength": 1000}),
    ]
    """The user's password."""


def from_query(model: type[Asked], request: Request) -> Asked:
    """The question in a query string. Raises Unprocessable naming unknown, repeated and unusable parameters."""
    repeatable = repeatable_names(model)
    given: dict[str, Any] = {}
    for name in request.query_params:
        values = request.query_params.getlist(name)
        if name in repeatable:
            given[name] = values
        elif len(values) > 1:
            raise Unprocessable([{"parameter": name[:100], "reason": "given more than once"}])
        else:
            given[name] = values[0]
    return from_body(model, given)


def repeatable_names(model: type[Strict]) -> frozenset[str]:
    """Parameters of a question that may be given several times."""
    fields = model.model_fields.items()
    return frozenset(field.alias or name for name, field in fields if get_origin(field.annotation) is tuple)


def from_body(model: type[Asked], given: dict[str, Any]) -> Asked:
    """The question in a JSON object. Raises Unprocessable."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise Unprocessable([_reason(each) for each in found if not _follows(each, found)]) from None


def _follows(error: Any, found: Sequence[Any]) -> bool:
    """Whether this only says that too few are left of a list, whose own entries are refused beside it."""
    place = error["loc"]
    return error["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in found
    )


def _reason(error: Any) -> dict[str, str]:
    """Pydantic's words without the value: it may be a password. Which of many entries it is about is said first."""
    name = _plain(error["loc"][0]) if error["loc"] else "period"
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{_plain(part)}" for part in error["loc"][1:])
    said = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        said = "there is no such parameter"
    return {"parameter": name, "reason": f"{name}{place}: {said}" if place else said}


def _plain(name: object) -> str:
    """A name as it was given, short, and as every reader can take it."""
    return str(name)[:100].encode("utf-8", "replace").decode()

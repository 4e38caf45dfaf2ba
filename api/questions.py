"""What may be asked: the parameters and bodies of our routes, strict, with errors that name the parameter."""

import re
from datetime import date, timedelta
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator
from pydantic.alias_generators import to_camel
from starlette.requests import Request

from api.problems import Unprocessable
from domain.filters import Filters
from domain.periods import NAMED, Grain, Period, default_grain, named_period
from domain.platforms import BY_KEY

LONGEST_DAYS = 5 * 366
EARLIEST = date(2000, 1, 1)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_REPEATABLE = frozenset({"platform"})


class Strict(BaseModel):
    """Unknown names are errors; JSON and query names are camelCase."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True)


Asked = TypeVar("Asked", bound=Strict)


class DashboardQuestion(Strict):
    """A period (named, or from inclusive to exclusive), a grain for trends, and platforms to keep."""

    date_range: Literal["7d", "30d", "90d", "1y"] | None = None
    from_: date | None = Field(None, alias="from")
    to: date | None = None
    platform: tuple[str, ...] = ()
    grain: Grain | None = None

    @field_validator("from_", "to", mode="before")
    @classmethod
    def _only_days(cls, value: Any) -> Any:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise ValueError("write a day as YYYY-MM-DD")
        return value

    @field_validator("platform", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        keys = [part for each in value for part in each.split(",")]
        unknown = [key for key in keys if key not in BY_KEY]
        if unknown:
            raise ValueError(f"one of {', '.join(BY_KEY)}")
        return tuple(dict.fromkeys(keys))

    @model_validator(mode="after")
    def _one_period(self) -> "DashboardQuestion":
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

    def trend_grain(self, period: Period) -> Grain:
        """The grain asked for, else the one that suits the period."""
        return self.grain or default_grain(period)

    @property
    def filters(self) -> Filters:
        """The platforms to keep."""
        return Filters(self.platform)


class SyncQuestion(Strict):
    """Which platform to sync ("all" for every connection), and how far back."""

    platform: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    sync_type: Literal["incremental", "full"] = "incremental"

    @field_validator("platform")
    @classmethod
    def _known(cls, value: str) -> str:
        if value != "all" and value not in BY_KEY:
            raise ValueError(f"all, or one of {', '.join(BY_KEY)}")
        return value


class TokenQuestion(Strict):
    """An e-mail and a password."""

    email: Annotated[str, StringConstraints(min_length=3, max_length=320)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=1000)]


def from_query(model: type[Asked], request: Request) -> Asked:
    """The question in a query string. Raises Unprocessable naming unknown, repeated and unusable parameters."""
    given: dict[str, Any] = {}
    for name in request.query_params:
        values = request.query_params.getlist(name)
        if name in _REPEATABLE:
            given[name] = values
        elif len(values) > 1:
            raise Unprocessable([{"parameter": name[:100], "reason": "given more than once"}])
        else:
            given[name] = values[0]
    return from_body(model, given)


def from_body(model: type[Asked], given: dict[str, Any]) -> Asked:
    """The question in a JSON object. Raises Unprocessable."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise Unprocessable([_reason(each) for each in error.errors(include_url=False, include_input=False)]) from None


def _reason(error: Any) -> dict[str, str]:
    """Pydantic's words without the value: it may be a password."""
    name = ".".join(str(part) for part in error["loc"])[:100] or "period"
    if error["type"] == "extra_forbidden":
        return {"parameter": name, "reason": "there is no such parameter"}
    return {"parameter": name, "reason": str(error["msg"]).removeprefix("Value error, ")}

"""How one platform looks from outside: what the conformance suite must be told, because no connector can say it."""

import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from connectors.contract import PostingSeen
from domain.facts import Fact

Told = Mapping[str, Any]
Request = Mapping[str, Any]
TEXT, FLAG = str, bool


@dataclass(frozen=True)
class Traits:
    """One per connector, as `TRAITS` in `tests/connectors/platforms/<key>.py`.

    `fields` makes what an admin types into the form from the sandbox's credentials, `check_request` asserts that a
    request of the sandbox's log is one the platform knows. `today` names the platform's date in the sandbox's clock.

    `wrong` is a config that cannot work and `wrong_cause` what is said of it; `data` and `paged` are routes of the
    sandbox: `data` one that both a check and a read ask, where faults are planned, `paged` the one whose pages may run
    in circles (None where nothing is paged). `grant` is what a revocation takes back, `access` what ends the access
    token ("" where there is none), and `rotates` says that refresh tokens are good once. `account` is the field that
    holds the account's ref, "" for none. `plain_parks` tells whether a "slow down" without a time still says how
    long. `small_pages` is a subclass that needs several pages for a week.

    `long_days` is a window of several steps, `posting_days` one whose postings are all told of. `requisition` finds a
    posting of ours in what was told of one there. `owns` leaves out facts that another connected platform reports
    itself, by the sandbox's clock; `hidden` are more secrets than the form's. `connected` is what the truth is asked
    with, `tells_of` whether the platform still tells of a posting of the sandbox's.

    `publishes` is the sandbox's route of the request that publishes a posting, "" where none can be; `publishing` are
    changes to the form that let it publish.

    `slow_down` are the platform's ways to ask for a wait: from the sandbox's time and a number of seconds, the step
    of a fault plan; `wait_seconds` is one it can say and a sync sits out. `plain` is "slow down" without a time.
    """

    fields: Callable[[Told], dict[str, Any]]
    check_request: Callable[[Request], None]
    today: str
    wrong: dict[str, Any]
    wrong_cause: str
    data: str
    grant: str
    paged: str | None = None
    access: str = ""
    rotates: bool = False
    account: str = ""
    plain_parks: bool = False
    small_pages: type[Any] | None = None
    long_days: int = 8
    posting_days: int = 7
    requisition: Callable[[PostingSeen, Mapping[str, str]], str] = lambda seen, _paths: seen.requisition_ref or seen.ref
    owns: Callable[[Fact, Mapping[str, str]], bool] = lambda _fact, _clock: True
    connected: str = "company_website,indeed,ats"
    tells_of: Callable[[Told], bool] = lambda _posting: True
    hidden: Callable[[dict[str, Any]], list[str]] = lambda _values: []
    slow_down: tuple[Callable[[datetime, int], dict[str, Any]], ...] = (
        lambda _now, seconds: {"kind": "429_seconds", "seconds": seconds},
        lambda _now, seconds: {"kind": "429_date", "seconds": seconds},
        lambda _now, seconds: {"kind": "429_date", "seconds": seconds, "format": "rfc850"},
    )
    wait_seconds: int = 20
    publishes: str = ""
    publishing: Mapping[str, Any] = field(default_factory=dict)
    plain: dict[str, Any] = field(default_factory=lambda: {"kind": "429_plain"})


def has_traits(key: str) -> bool:
    """Whether somebody wrote the traits of a connector down."""
    return importlib.util.find_spec(f"tests.connectors.platforms.{key}") is not None


@cache
def traits_of(key: str) -> Traits:
    """The traits of a connector. A connector without a module of its own here fails the suite."""
    assert has_traits(key), (
        f"write tests/connectors/platforms/{key}.py with the TRAITS of the platform (tests/connectors/traits.py)"
    )
    found: Traits = importlib.import_module(f"tests.connectors.platforms.{key}").TRAITS
    return found


def check_agent(request: Request) -> None:
    """Assert that the request says who sends it."""
    assert request["headers"]["user-agent"].startswith("Sourceboard/"), request["headers"]["user-agent"]


def check_token_request(request: Request) -> bool:
    """Whether this is a call of a token endpoint, as RFC 6749 has it."""
    if "token" not in request["path"].rsplit("/", 1)[-1].lower() or request["method"] != "POST":
        return False
    assert request["headers"]["content-type"].startswith("application/x-www-form-urlencoded")
    grants = {"urn:ietf:params:oauth:grant-type:jwt-bearer", "refresh_token", "client_credentials"}
    assert dict(parse_qsl(request["body"]))["grant_type"] in grants
    return True


def check_query(request: Request, known: Mapping[str, set[str]]) -> dict[str, str]:
    """Assert that a GET goes to a path the platform has, with parameters it knows there. Returns them."""
    assert request["method"] == "GET", request
    names = next((names for pattern, names in known.items() if re.fullmatch(pattern, request["path"])), None)
    assert names is not None, request["path"]
    query = dict(parse_qsl(request["query"], keep_blank_values=True))
    assert set(query) <= names, query
    return query


def check_shape(value: Any, shape: Any, at: str) -> None:
    """Assert that JSON has only fields the shape knows, of its types."""
    if isinstance(shape, dict):
        assert isinstance(value, dict), at
        for name, part in value.items():
            assert name in shape, f"{at}.{name} is not a field"
            check_shape(part, shape[name], f"{at}.{name}")
    elif isinstance(shape, list):
        assert isinstance(value, list), at
        for number, part in enumerate(value):
            check_shape(part, shape[0], f"{at}[{number}]")
    elif isinstance(shape, re.Pattern):
        assert isinstance(value, str), at
        assert shape.fullmatch(value), at
    else:
        assert isinstance(value, shape), at

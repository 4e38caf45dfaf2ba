"""Glassdoor: how employees rate the employer, and how many of its postings are open, where an old API key still works.

GET https://api.glassdoor.com/api/api.htm, partner id and key in the query; the action chooses. Errors come as
`success: false` with any status, above all 200. No keys are given out any more, and no posting's numbers were ever in
it: so nothing is synced, and what the check finds stands on the card.
https://www.glassdoor.com/developer/index.htm
"""

from datetime import datetime
from typing import Any

from msgspec import Struct
from pydantic import Field, SecretStr

from connectors.answers import Answer
from connectors.contract import Account, Connector, ConnectorConfig, Limits
from connectors.errors import ConfigError, ConnectorError, Rejected
from connectors.http import USER_AGENT
from connectors.redaction import redact
from connectors.wording import amount, clean

API = "https://api.glassdoor.com/api/api.htm"
#: The API wants the visitor's address. Ours is nobody's: a block kept for documentation.
NOBODY = "192.0.2.1"


class GlassdoorConfig(ConnectorConfig):
    """An old partner's id and key, and who is meant."""

    partner_id: str = Field(
        title="Partner ID",
        description="The t.p of your old API key.",
        pattern=r"^[0-9]{1,12}$",
    )
    partner_key: SecretStr = Field(
        title="Partner key",
        description="The t.k of your old API key. Glassdoor gives out no new ones.",
        min_length=1,
    )
    employer: str = Field(
        title="Employer",
        description="Your company's name as Glassdoor writes it.",
        min_length=1,
        max_length=200,
    )


class Glassdoor(Connector[GlassdoorConfig]):
    """Finds the employer, its rating and its open postings. There is nothing to sync."""

    key = "glassdoor"
    platform = "glassdoor"
    label = "Glassdoor"
    icon = ":material/star_half:"
    summary = "How employees rate you and how many of your postings are open on Glassdoor, with an old API key."
    docs_url = "https://www.glassdoor.com/developer/index.htm"
    hosts = ("api.glassdoor.com",)
    config_model = GlassdoorConfig
    limits = Limits(requests=60, seconds=60)
    cannot = (
        "Glassdoor's API is closed: no new keys are given out, and it never told views, clicks or applications of a"
        " posting. Postings reach Glassdoor through Indeed, whose numbers include its traffic. For Glassdoor alone:"
        " import the Employer Center's export, put tracked links or utm_source=glassdoor into your postings and read"
        " them in Google Analytics, or let your applicant system name the source."
    )

    def check(self) -> Account:
        """The employer of that name, its rating, and its open postings: what the card then says."""
        with self.session.http.hurried(10):
            found = self._ask("employers", {"q": self.config.employer, "pn": "1", "ps": "20"}).decode(_Employers)
            employer = _meant(found.response.employers, self.config.employer)
            told = self._ask("jobs-stats", {"e": employer.name, "returnCities": "true"}).decode(_Stats)
        postings = sum(city.numJobs for city in told.response.cities)
        return Account(
            str(employer.id), f"{clean(employer.name, 120)}: {_rating(employer)}, {postings} open postings", "UTC"
        )

    @classmethod
    def classify(cls, answer: Answer, now: datetime) -> ConnectorError | None:  # noqa: ARG003
        """`success` says whether it worked, whatever the status."""
        told: Any = answer.peek()
        if not isinstance(told, dict) or told.get("success") is not False:
            return None
        status = redact(clean(str(told.get("status", "")), 100))
        words = f"status={answer.status}, {status}"
        if status.lower() in {"access-denied", "invalid-key"} or answer.status in {401, 403}:
            return ConfigError(words, cause="key_invalid")
        return Rejected(words)

    def _ask(self, action: str, asked: dict[str, str]) -> Answer:
        who = {"t.p": self.config.partner_id, "t.k": self.config.partner_key.get_secret_value()}
        visitor = {"userip": NOBODY, "useragent": USER_AGENT}
        params = {"v": "1", "format": "json", **who, **visitor, "action": action, **asked}
        return self.session.http.get(API, params)


class _Employer(Struct):
    id: int
    name: str
    exactMatch: bool = False  # noqa: N815 Glassdoor's own name, as are those below
    overallRating: float | str | None = None  # noqa: N815
    numberOfRatings: int | str | None = None  # noqa: N815


class _Found(Struct):
    employers: list[_Employer]


class _Employers(Struct):
    response: _Found


class _City(Struct):
    numJobs: int  # noqa: N815


class _Counts(Struct):
    cities: list[_City] = []


class _Stats(Struct):
    response: _Counts


def _meant(found: list[_Employer], name: str) -> _Employer:
    """The one of that name. Raises ConfigError when there is none."""
    exact = [one for one in found if one.exactMatch or one.name.casefold() == name.casefold()]
    if not exact:
        others = ", ".join(clean(one.name, 60) for one in found[:3])
        raise ConfigError(f"no employer has this name; found: {others or 'none'}", cause="account_unknown")
    return exact[0]


def _rating(employer: _Employer) -> str:
    """In words; numbers come as text in some answers."""
    rating = amount(str(employer.overallRating or ""))
    return f"{rating} of 5 from {employer.numberOfRatings} ratings" if rating else "not rated"

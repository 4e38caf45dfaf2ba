"""ZipRecruiter: puts postings on it, changes and closes them, and tells it what became of its applicants.

Partner job API and hiring signals, both REST with the issued key straight after `Basic`. One posting a request, named
by an id of ours; there is no list and no endpoint for numbers. Bodies of answers are not documented, so the status
alone decides, and what a body says is used where it is there. Keys are issued to partners only.
https://www.ziprecruiter.com/partner/documentation
"""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr

from connectors.answers import Answer, platform_words
from connectors.contract import Account, ConnectorConfig, Limits
from connectors.errors import ConfigError, ConnectorError, Rejected, SchemaDrift
from connectors.http import Ask
from connectors.publishing import Draft, Outcome, Outcomes, Published, Publisher, Refused
from connectors.ziprecruiter_jobs import API, COUNTRIES, address, body, published, questions, signal, wrong_with
from domain.adverts import SHORTEST_DESCRIPTION, description_html

SIGNALS = "https://api.ziprecruiter.com/hiring-signal/v0/event"
#: A posting nobody has: asking for it proves the key.
PROBE = "sourceboard-connection-test"


class ZipRecruiterConfig(ConnectorConfig):
    """What an admin fills in to connect a ZipRecruiter partner account."""

    api_key: SecretStr = Field(
        title="API key",
        description="ZipRecruiter issues it to its partners.",
        min_length=1,
        json_schema_extra={"group": "Sign-in"},
    )
    auth_style: Literal["raw_key", "basic_key_colon"] = Field(
        "raw_key",
        title="How the key is sent",
        description="As it was issued, or encoded as a user name. Try the other where a good key is refused.",
        json_schema_extra={"group": "Sign-in"},
    )
    employer_id: str = Field(
        title="Employer ID",
        description="Your own id of the company, as agreed with ZipRecruiter.",
        min_length=1,
        max_length=200,
        json_schema_extra={"group": "Account"},
    )
    employer_name: str = Field(
        title="Employer name",
        description="The company's name as applicants see it.",
        min_length=1,
        max_length=200,
        json_schema_extra={"group": "Account"},
    )
    tells_outcomes: bool = Field(
        True,
        title="Tell what became of applicants",
        description="Sends the application's id, the stage it reached and when, and nothing else.",
        json_schema_extra={"group": "Account"},
    )


class _Exists(Rejected):
    """There is a posting of this id already."""


class ZipRecruiter(Publisher[ZipRecruiterConfig], Outcomes[ZipRecruiterConfig]):
    """Publishes and tells outcomes."""

    key = platform = "ziprecruiter"
    label = "ZipRecruiter"
    icon = ":material/bolt:"
    summary = "Publishes postings on ZipRecruiter and tells it what became of its applicants."
    cannot = (
        "ZipRecruiter has no endpoint for views, clicks or applications. Applications arrive by its webhook, clicks and"
        " visits by the tracked link that is put into each posting, anything else by importing the file its dashboard"
        " exports."
    )
    docs_url = "https://www.ziprecruiter.com/partner/documentation"
    hosts = ("api.ziprecruiter.com",)
    config_model = ZipRecruiterConfig
    limits = Limits(requests=5, seconds=1)
    boosts = ("single", "double", "triple")
    wanted: ClassVar[Mapping[str, str]] = {
        "title": "A title is needed.",
        "description": "A description is needed.",
        "country": "A country is needed.",
        "city": "A city is needed.",
        "region": "A state or province is needed.",
        "postal_code": "A postal code is needed.",
        "apply_url": "An address where one applies is needed.",
    }

    def check(self) -> Account:
        """Ask for a posting that nobody has: any answer but a refusal of the key proves it."""
        with self.session.http.hurried(10):
            self._unless_unknown("GET", address(PROBE))
        return Account(self.config.employer_id, self.config.employer_name, "UTC")

    @classmethod
    def problems(cls, draft: Draft) -> dict[str, str]:
        """What ZipRecruiter refuses for certain."""
        found = super().problems(draft)
        if draft.title and len(draft.title) < 3:
            found["title"] = "ZipRecruiter wants a title of 3 letters at least."
        if draft.advert.description and len(description_html(draft.advert)) < SHORTEST_DESCRIPTION:
            found["description"] = f"ZipRecruiter wants a description of {SHORTEST_DESCRIPTION} letters at least."
        if draft.advert.country and draft.advert.country not in COUNTRIES:
            found["country"] = "ZipRecruiter takes postings in the US, Canada and Australia only."
        if draft.boost and draft.boost not in cls.boosts:
            found["boost"] = f"A boost is one of {', '.join(cls.boosts)}."
        return found

    def publish(self, draft: Draft) -> Published:
        """POST /job, then questions and boost. Our id is ours alone, so one that is taken is this posting."""
        try:
            answer = self._send("POST", API, self._body(draft), safe=False)
        except _Exists:
            return self.update(draft, {})
        return self._completed(draft, answer, is_new=True)

    def update(self, draft: Draft, handles: Mapping[str, str]) -> Published:  # noqa: ARG002 - our id is enough
        """PUT /job/{id}: changes it, and opens it again where it was closed."""
        answer = self._unless_unknown("PUT", address(draft.ref), self._body(draft))
        if answer is None:
            raise Refused({"": "ZipRecruiter does not have this posting any more. Publish it again."})
        return self._completed(draft, answer, is_new=False)

    def close(self, draft: Draft, handles: Mapping[str, str]) -> Published:  # noqa: ARG002
        """DELETE /job/{id}. What ZipRecruiter does not know is closed."""
        self._unless_unknown("DELETE", address(draft.ref))
        return Published(draft.ref, "closed")

    def find(self, draft: Draft) -> Published | None:
        """GET /job/{id}."""
        answer = self._unless_unknown("GET", address(draft.ref))
        return None if answer is None else published(draft.ref, answer)

    def status(self, draft: Draft, handles: Mapping[str, str]) -> Published | None:  # noqa: ARG002
        """GET /job/{id}; a posting that is gone is closed."""
        return self.find(draft) or Published(draft.ref, "closed", "ZipRecruiter does not have this posting any more.")

    def send_outcomes(self, outcomes: Sequence[Outcome]) -> list[str]:
        """POST a hiring signal for each. One that ZipRecruiter refuses does not stop the others."""
        words = []
        for outcome in outcomes:
            try:
                answer = self._unless_unknown("POST", SIGNALS, signal(outcome))
            except Refused as error:
                words.append(error.detail)
            else:
                words.append("" if answer else "ZipRecruiter does not know this application.")
        return words

    @classmethod
    def classify(cls, answer: Answer, now: datetime) -> ConnectorError | None:  # noqa: ARG003
        """401 is a wrong key, 400 and 422 are about the posting in its own words, 409 is one that exists."""
        if answer.status == 401:
            return ConfigError(platform_words(answer), cause="key_invalid")
        if answer.status == 409:
            return _Exists(platform_words(answer))
        return Refused(wrong_with(answer)) if answer.status in {400, 422} else None

    def _completed(self, draft: Draft, answer: Answer, *, is_new: bool) -> Published:
        """Questions and boost of a posting that stands: both are set, not added, so that doing it again is the same."""
        taken = published(draft.ref, answer)
        try:
            if draft.advert.questions:
                asked = {"questions": questions(draft)}
                if self._unless_unknown("PUT", f"{address(draft.ref)}/questions", asked) is None:
                    raise SchemaDrift("the posting was taken and is not there")
            elif not is_new:
                self._unless_unknown("DELETE", f"{address(draft.ref)}/questions")
            if draft.boost:
                self._boost(draft)
        except Refused as error:
            raise Refused(error.problems, error.detail, accepted=taken) from None
        return taken

    def _boost(self, draft: Draft) -> None:
        """A boost cannot be taken back and may be paid for, so it is looked for first."""
        place = f"{address(draft.ref)}/features"
        held = self._send("GET", place).peek()
        if not isinstance(held, dict) or "TrafficBoost" not in held:
            try:
                self._send("POST", place, {"TrafficBoost": draft.boost}, safe=False)
            except _Exists:
                return

    def _unless_unknown(
        self, method: Literal["GET", "POST", "PUT", "DELETE"], url: str, told: object = None
    ) -> Answer | None:
        """None where ZipRecruiter does not know what is asked for."""
        try:
            return self._send(method, url, told)
        except ConfigError as error:
            if error.cause != "account_unknown":
                raise
            return None

    def _body(self, draft: Draft) -> dict[str, Any]:
        return body(draft, self.config.employer_id, self.config.employer_name)

    def _send(
        self, method: Literal["GET", "POST", "PUT", "DELETE"], url: str, told: object = None, *, safe: bool = True
    ) -> Answer:
        """One call; `safe` where doing it twice is the same as once."""
        key = self.config.api_key.get_secret_value()
        if self.config.auth_style == "basic_key_colon":
            key = base64.b64encode(f"{key}:".encode()).decode()
            self.session.http.conceal(key)
        headers = {"authorization": f"Basic {key}"}
        content = b""
        if told is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(told, separators=(",", ":"), allow_nan=False).encode()
        return self.session.http.send(Ask(method, url, {}, content, headers, accept="any", safe=safe))

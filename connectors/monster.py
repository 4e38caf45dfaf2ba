"""Monster: puts postings on it, changes and deletes them, over the Business Gateway's real-time posting.

SOAP on port 8443, signed in inside the envelope, one posting a request. A posting is the same one by our jobRefCode. A
refusal may come with status 200: only a `postingId` means that it was taken. No numbers, no look-up, and hardly open to
anybody new: for those who hold credentials.
https://partner.monster.com/real-time-posting-devguide
"""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar
from xml.etree.ElementTree import Element

from pydantic import Field, SecretStr

from connectors import soap
from connectors.answers import Answer
from connectors.contract import Account, ConnectorConfig, Limits
from connectors.errors import ConfigError, ConnectorError, Rejected, SchemaDrift, Transient
from connectors.http import Ask
from connectors.publishing import Draft, Published, Publisher, Refused
from connectors.redaction import redact
from connectors.wording import clean
from domain.adverts import description_html

GATEWAY = "https://gateway.monster.com:8443/bgwBroker"
MONSTER = "http://schemas.monster.com/Monster"
HEADER = "http://schemas.monster.com/MonsterHeader"
SECURITY = "http://schemas.xmlsoap.org/ws/2002/04/secext"
STATUSES = {"full_time": "Full Time", "part_time": "Part Time", "temporary": "Temporary", "contractor": "Contract"}
#: Words in a fault that mean the sign-in was refused. Monster's own texts were never seen.
_SIGN_IN = ("authenticat", "password", "username", "credential", "not authorized", "login")
#: Their element → ours: Monster names it in what it says is wrong.
_FIELDS = {
    "JobTitle": "title",
    "JobBody": "description",
    "CountryCode": "country",
    "PostalCode": "postal_code",
    "City": "city",
    "State": "region",
    "Salary": "salary_min",
    "CustomApplyOnlineURL": "apply_url",
}


class MonsterConfig(ConnectorConfig):
    """What an admin fills in to publish on Monster."""

    username: str = Field(
        title="Username",
        description="Of the gateway account that Monster gave you.",
        min_length=1,
        max_length=200,
        json_schema_extra={"group": "Sign-in"},
    )
    password: SecretStr = Field(
        title="Password",
        description="Of the same account.",
        min_length=1,
        json_schema_extra={"group": "Sign-in"},
    )
    recruiter: str = Field(
        title="Recruiter",
        description="The user name of the recruiter in whose name postings appear.",
        min_length=1,
        max_length=200,
        json_schema_extra={"group": "Account"},
    )
    board_id: str = Field(
        "178",
        title="Board ID",
        description="The board to post on, as Monster told you. 178 is its test board.",
        pattern=r"^\d{1,9}$",
        json_schema_extra={"group": "Account"},
    )


class Monster(Publisher[MonsterConfig]):
    """Publishes."""

    key = platform = "monster"
    label = "Monster"
    icon = ":material/domain:"
    summary = "Publishes postings on Monster, for those who still hold gateway credentials."
    cannot = (
        "Monster gives no new access to its gateway, and it has no endpoint for views, clicks or applications. Without"
        " credentials: import the file its console exports. Applications arrive by its Easy Apply push, clicks and"
        " visits by the tracked link that is put into each posting."
    )
    docs_url = "https://partner.monster.com/real-time-posting-devguide"
    hosts = ("gateway.monster.com",)
    port = 8443
    config_model = MonsterConfig
    limits = Limits(requests=60, seconds=60)
    max_body_bytes = 2 * 1024 * 1024
    finds = False
    wanted: ClassVar[Mapping[str, str]] = {
        "title": "A title is needed.",
        "description": "A description is needed.",
        "country": "A country is needed.",
        "city": "A city is needed.",
        "apply_url": "An address where one applies is needed.",
    }

    def check(self) -> Account:
        """The inventory of posting credits: the one question that changes nothing."""
        with self.session.http.hurried(10):
            query = soap.element(MONSTER, "InventoriesQuery", {"LicenseType": "Job Inventory"})
            body = self._ask(query)
        left = next(soap.texts(body, "RemainingQuantity"), "")
        credits_left = f", {int(left)} postings left" if left.isascii() and left.isdecimal() else ""
        return Account(self.config.username, f"{self.config.recruiter}{credits_left}", "UTC")

    def publish(self, draft: Draft) -> Published:
        """A Job with `addOrUpdate`: https://partner.monster.com/real-time-posting-devguide"""
        posting_id = self._job(draft, "addOrUpdate")
        return Published(draft.ref, "live", handles={"posting": posting_id})

    def update(self, draft: Draft, handles: Mapping[str, str]) -> Published:  # noqa: ARG002 - the code is ours
        """The same request: Monster knows the posting by our code."""
        return self.publish(draft)

    def close(self, draft: Draft, handles: Mapping[str, str]) -> Published:
        """A Job with `delete`. What Monster does not know is closed."""
        try:
            self._job(draft, "delete")
        except Refused as error:
            if "not found" not in error.detail.casefold():
                raise
        return Published(draft.ref, "closed", handles=dict(handles))

    def find(self, draft: Draft) -> Published | None:
        """Monster has no way to look a posting up."""
        raise NotImplementedError(f"{draft.ref}: sending again is the look-up")

    def status(self, draft: Draft, handles: Mapping[str, str]) -> Published | None:  # noqa: ARG002
        """Monster does not tell."""
        return None

    @classmethod
    def classify(cls, answer: Answer, now: datetime) -> ConnectorError | None:  # noqa: ARG003
        """A fault by its words, whatever its status; anything else is left to the table."""
        if answer.is_page or answer.status in {401, 403, 404, 429, 503}:
            return None
        try:
            body = soap.read_body(answer)
        except SchemaDrift as error:
            return error if answer.is_success else None
        words = next(soap.texts(body, "faultstring"), "")
        if not words and body.find(f"{{{soap.ENVELOPE}}}Fault") is None:
            return None
        said = redact(clean(words, 300))
        if any(sign in said.casefold() for sign in _SIGN_IN):
            return ConfigError(said, cause="key_invalid")
        code = next(soap.texts(body, "faultcode"), "")
        return Rejected(said) if code.endswith("Client") else Transient(said, cause="server_error")

    def _job(self, draft: Draft, action: str) -> str:
        """Monster's id of the posting. Raises Refused with its words where it gives none."""
        body = self._ask(_job(draft, action, self.config), safe=action == "delete")
        posting_id = soap.attribute(body, "postingId")
        if not posting_id:
            raise Refused(_problems(list(soap.texts(body, "Description"))))
        return clean(posting_id, 100)

    def _ask(self, told: Element, *, safe: bool = True) -> Element:
        """The body of an answer that is no fault; `safe` where doing it twice is the same as once."""
        now = self.session.http.now()
        content = soap.envelope(_headers(self.config, now), told)
        headers = {"content-type": "text/xml; charset=utf-8", "soapaction": '""'}
        answer = self.session.http.send(Ask("POST", GATEWAY, {}, content, headers, accept="xml", safe=safe))
        return soap.read_body(answer)


def _headers(config: MonsterConfig, now: datetime) -> list[Element]:
    stamp = now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    message = {"MessageData": {"MessageId": str(uuid.uuid4()), "Timestamp": stamp}}
    token = {"UsernameToken": {"Username": config.username, "Password": config.password.get_secret_value()}}
    return [soap.element(HEADER, "MonsterHeader", message), soap.element(SECURITY, "Security", token)]


def _job(draft: Draft, action: str, config: MonsterConfig) -> Element:
    job = soap.element(
        MONSTER,
        "Job",
        {"RecruiterReference": {"UserName": config.recruiter}},
        jobRefCode=draft.ref,
        jobAction=action,
        jobComplete="true",
    )
    if action == "addOrUpdate":
        job.append(soap.element(MONSTER, "JobInformation", _information(draft)))
        board = soap.element(MONSTER, "JobPostings", {})
        posting = soap.element(MONSTER, "JobPosting", {})
        posting.append(soap.element(MONSTER, "BoardName", {}, monsterId=config.board_id))
        board.append(posting)
        job.append(board)
    return job


def _information(draft: Draft) -> dict[str, object]:
    advert = draft.advert
    return {
        "JobTitle": draft.title,
        "JobStatus": STATUSES.get(advert.employment_type, ""),
        **({"Salary": _salary(draft)} if advert.salary_currency else {}),
        "PhysicalAddress": {
            "StreetAddress": advert.street,
            "City": advert.city,
            "State": advert.region,
            "CountryCode": advert.country,
            "PostalCode": advert.postal_code,
        },
        "JobBody": description_html(advert),
        "CustomApplyOnlineURL": draft.apply_url,
    }


def _salary(draft: Draft) -> dict[str, object]:
    advert = draft.advert
    return {
        "Currency": advert.salary_currency,
        "SalaryMin": advert.salary_min,
        "SalaryMax": advert.salary_max,
        "CompensationType": f"Per {advert.salary_unit.capitalize()}",
    }


def _problems(words: list[str]) -> dict[str, str]:
    """Monster's words by our field: where one of its elements is named."""
    found: dict[str, str] = {}
    for each in words or ["Monster took the posting in without an id, so it was not published."]:
        said = clean(each, 300)
        name = next((ours for theirs, ours in _FIELDS.items() if theirs.casefold() in said.casefold()), "")
        found[name] = f"{found[name]} {said}" if name in found else said
    return found

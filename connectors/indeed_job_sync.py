"""Indeed Job Sync: puts postings on Indeed, changes and expires them, and tells it what became of its applicants.

GraphQL at https://apis.indeed.com/graphql with a token for the employer, one posting a call. Nearly all failures are
200 with `errors`. A posting is the same one by client, source name and our id, so sending it again changes it; postings
never expire by themselves. For partners (applicant systems) only.
https://docs.indeed.com/job-sync-api
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field

from connectors import indeed_jobs
from connectors.answers import Answer
from connectors.contract import Account, Limits
from connectors.errors import ConfigError, ConnectorError, SchemaDrift
from connectors.http import Ask
from connectors.indeed_account import IndeedAccount, IndeedSignIn, grant_of
from connectors.publishing import Draft, Outcome, Outcomes, Published, Publisher

API = "https://apis.indeed.com/graphql"
SCOPE = "employer_access employer.hosted_job"


class IndeedJobSyncConfig(IndeedSignIn):
    """What an admin fills in to publish on Indeed."""

    source_name: str = Field(
        title="Source name",
        description="The name under which Indeed knows your postings, as agreed with Indeed. Do not change it later.",
        min_length=1,
        max_length=200,
        json_schema_extra={"group": "Account"},
    )
    company_name: str = Field(
        "",
        title="Company name",
        description="As applicants see it. Empty: the company's name here.",
        max_length=200,
        json_schema_extra={"group": "Account"},
    )
    tells_outcomes: bool = Field(
        True,
        title="Tell what became of applicants",
        description="Sends the application's id, the stage it reached and when, and nothing else.",
        json_schema_extra={"group": "Account"},
    )


class IndeedJobSync(IndeedAccount[IndeedJobSyncConfig], Publisher[IndeedJobSyncConfig], Outcomes[IndeedJobSyncConfig]):
    """Publishes and tells outcomes."""

    key = "indeed_job_sync"
    platform = "indeed"
    label = "Indeed Job Sync"
    icon = ":material/campaign:"
    summary = "Publishes postings on Indeed and tells it what became of its applicants."
    cannot = (
        "Job Sync is open to Indeed's partners only and reports no numbers. What sponsored postings brought comes with"
        " the connection “Indeed”; of postings that are not sponsored no endpoint tells anything: there the tracked"
        " link and Indeed's webhook count."
    )
    docs_url = "https://docs.indeed.com/job-sync-api"
    hosts = ("apis.indeed.com", "secure.indeed.com")
    config_model = IndeedJobSyncConfig
    scope = SCOPE
    oauth = grant_of(SCOPE)
    # Calls with one posting: 150 a second, 4 000 a minute, 20 000 in ten minutes, 80 000 an hour. The last binds.
    limits = Limits(requests=1_300, seconds=60)
    finds = False
    wanted: ClassVar[Mapping[str, str]] = {
        "title": "A title is needed.",
        "description": "A description is needed.",
        "country": "A country is needed.",
        "city": "A city is needed.",
        "apply_url": "An address where one applies is needed.",
    }
    outcomes_per_call = 25

    def check(self) -> Account:
        """The token for the employer, its name, and a query that asks for nothing."""
        with self.session.http.hurried(10):
            self._ask("Probe", indeed_jobs.PROBE, {})
            label = self.employer_name() or f"Employer {self.config.employer_id}"
        return Account(self.config.employer_id, label, "UTC")

    def publish(self, draft: Draft) -> Published:
        """https://docs.indeed.com/job-sync-api/job-sync-api-guide"""
        told = indeed_jobs.posting(draft, self.config.source_name, self.config.company_name)
        told["metadata"].setdefault("datePublished", indeed_jobs.published_at(self.session.http.now()))
        data = self._ask("Create", indeed_jobs.CREATE, {"input": {"jobPostings": [told]}}, safe=False)
        return indeed_jobs.created(draft, data)

    def update(self, draft: Draft, handles: Mapping[str, str]) -> Published:  # noqa: ARG002 - the id is ours
        """The same call: Indeed knows the posting by our id."""
        return self.publish(draft)

    def close(self, draft: Draft, handles: Mapping[str, str]) -> Published:
        """Expire it by Indeed's id. Where we never learnt that, publishing once more tells it."""
        sourced = handles.get("sourced_posting") or self.publish(draft).handles["sourced_posting"]
        try:
            self._ask("Expire", indeed_jobs.EXPIRE, {"input": {"jobs": [{"sourcedPostingId": sourced}]}})
        except ConfigError as error:
            if error.cause != "account_unknown":
                raise
        return Published(draft.ref, "closed", handles=dict(handles))

    def find(self, draft: Draft) -> Published | None:
        """Indeed has no way to look a posting up by our id."""
        raise NotImplementedError(f"{draft.ref}: sending again is the look-up")

    def status(self, draft: Draft, handles: Mapping[str, str]) -> Published | None:
        """The life of the employer's posting; None before Indeed has told its id."""
        if not handles.get("employer_job"):
            return None
        try:
            data = self._ask("Status", indeed_jobs.STATUS, {"id": handles["employer_job"]})
        except ConfigError as error:
            if error.cause != "account_unknown":
                raise
            return Published(draft.ref, "closed", "Indeed does not have this posting any more.")
        return indeed_jobs.standing(draft.ref, data)

    def send_outcomes(self, outcomes: Sequence[Outcome]) -> list[str]:
        """At most 25 a call, oldest first. https://docs.indeed.com/api/disposition"""
        told = [indeed_jobs.disposition(outcome) for outcome in outcomes]
        data = self._ask("Send", indeed_jobs.SEND, {"input": {"dispositions": told}})
        return indeed_jobs.refusals(outcomes, data)

    @classmethod
    def classify(cls, answer: Answer, now: datetime) -> ConnectorError | None:  # noqa: ARG003
        """`errors` on a success are failures; other statuses are left to the table."""
        if not answer.is_success or not answer.url.endswith("/graphql"):
            return None
        told = answer.peek()
        errors = told.get("errors") if isinstance(told, dict) else None
        return indeed_jobs.error_of(errors) if isinstance(errors, list) and errors else None

    def _ask(self, name: str, query: str, variables: Mapping[str, Any], *, safe: bool = True) -> Mapping[str, Any]:
        """The data of one operation; `safe` where doing it twice is the same as once."""
        told = {"query": query, "variables": variables, "operationName": name}
        content = json.dumps(told, separators=(",", ":"), allow_nan=False).encode()
        headers = {"content-type": "application/json"}
        answer = self.session.http.send(Ask("POST", API, {}, content, headers, self.bearer(), safe=safe))
        body = answer.peek()
        data = body.get("data") if isinstance(body, dict) else None
        if not isinstance(data, dict):
            raise SchemaDrift(f"{answer.url}: an answer without data")
        return data

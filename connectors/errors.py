"""Errors named by what happens next, and the table from cause code to words and cure.

ConnectorError
├── ConfigError      a person must change the connection
├── AuthExpired      refresh once, then a person reconnects
├── RateLimited      wait until the platform's own time, then go on
├── Transient        try again, with backoff
├── Rejected         the platform refuses our request: our bug
├── Refused          the platform refuses what a person wrote (connectors/publishing.py)
└── SchemaDrift      the answer is not what was agreed; nothing is written for it
"""

from dataclasses import dataclass
from datetime import datetime


class ConnectorError(Exception):
    """`cause` is a key of CAUSES. `detail` is the platform's own words, redacted and cut to 500 characters."""

    default_cause = "unexpected"

    def __init__(self, detail: str = "", *, cause: str = "") -> None:
        self.cause = cause or self.default_cause
        self.detail = detail[:500]
        super().__init__(f"{self.cause}: {self.detail}" if self.detail else self.cause)


class ConfigError(ConnectorError):
    """A person must change the connection."""

    default_cause = "config_invalid"


class AuthExpired(ConnectorError):
    """The token is no longer good: refresh once, then a person reconnects."""

    default_cause = "auth_expired"


class RateLimited(ConnectorError):
    """The platform or our own budget says wait. `until` is a UTC instant; not `announced` means we guessed it."""

    default_cause = "rate_limited"

    def __init__(self, until: datetime, detail: str = "", *, cause: str = "", announced: bool = True) -> None:
        super().__init__(detail, cause=cause)
        self.until = until
        self.announced = announced


class Transient(ConnectorError):
    """The network or the platform's servers failed: try again. `was_sent` is False where the request cannot have
    reached the platform, so that whatever it asked for has certainly not happened."""

    default_cause = "unreachable"

    def __init__(self, detail: str = "", *, cause: str = "", was_sent: bool = True) -> None:
        super().__init__(detail, cause=cause)
        self.was_sent = was_sent


class Rejected(ConnectorError):
    """The platform understood the request and refuses it: a mistake of ours."""

    default_cause = "request_rejected"


class SchemaDrift(ConnectorError):
    """The answer is not in the agreed shape. Never read as zero."""

    default_cause = "contract_error"


@dataclass(frozen=True, slots=True)
class Cause:
    """What a person reads (`words`), what they can do (`cure`), and whether the job may try again by itself.

    `in_form` is the cure where a form was tested, as far as it is another one: there no sync tries again.
    """

    words: str
    cure: str
    retries: bool
    severity: str
    in_form: str = ""

    @property
    def form_cure(self) -> str:
        """What a person can do whose form was tested and not saved."""
        return self.in_form or ("Wait a few minutes, then test again." if self.retries else self.cure)


CAUSES: dict[str, Cause] = {
    "config_invalid": Cause(
        "The connection's settings are not accepted.", "Correct the form and save again.", False, "medium"
    ),
    "account_unknown": Cause(
        "The platform does not know this account or property.",
        "Check the account or property id.",
        False,
        "medium",
    ),
    "no_permission": Cause(
        "The account may not read this data.",
        "Give the account access at the platform, then press Sync now.",
        False,
        "critical",
        in_form="Check the account or property id, and that the account has access there, then test again.",
    ),
    "api_disabled": Cause(
        "The platform's API is switched off for this project.",
        "Switch the API on in the platform's console, wait a few minutes, then press Sync now.",
        False,
        "critical",
        in_form="Switch the API on in the platform's console, wait a few minutes, then test again.",
    ),
    "key_invalid": Cause(
        "The key or secret is wrong.", "Paste the key again, as the platform shows it.", False, "critical"
    ),
    "auth_expired": Cause(
        "The platform no longer accepts our sign-in.",
        "Reconnect the platform.",
        False,
        "critical",
        in_form="Enter the credentials again, or connect in the browser once more.",
    ),
    "auth_revoked": Cause(
        "The access was taken back at the platform.",
        "Reconnect the platform.",
        False,
        "critical",
        in_form="Enter the credentials again, or connect in the browser once more.",
    ),
    "version_ended": Cause(
        "The platform no longer serves the version of its API that this connection asks for.",
        "Enter a newer version in the connection's form.",
        False,
        "medium",
    ),
    "credits": Cause(
        "The credits paid for at the platform are used up.",
        "Buy credits there or wait until they are renewed, then press Sync now.",
        False,
        "medium",
        in_form="Buy credits there or wait until they are renewed, then test again.",
    ),
    "page_blocked": Cause(
        "The page was not shown to the service that fetches it.",
        "Nothing to do: we try again. If it lasts, choose stronger proxies in the connection's form.",
        True,
        "low",
        in_form="Test again, or choose stronger proxies.",
    ),
    "service_closed": Cause(
        "This service has been shut down.",
        "Connect its successor instead: the connection's page of documentation says which.",
        False,
        "medium",
    ),
    "rate_limited": Cause(
        "The platform asked us to slow down.",
        "Nothing to do: the sync goes on by itself at the time shown.",
        True,
        "medium",
    ),
    "quota": Cause(
        "The platform's quota is used up.",
        "Nothing to do: the sync goes on by itself when the quota returns.",
        True,
        "medium",
        in_form="Test again when the quota has returned.",
    ),
    "budget": Cause(
        "This connection's own budget is used up.",
        "Raise the limit in the connection's form, or wait.",
        True,
        "medium",
    ),
    "unreachable": Cause(
        "The platform could not be reached.",
        "Nothing to do: we try again. If it lasts, check this machine's network.",
        True,
        "low",
        in_form="Check this machine's network, then test again.",
    ),
    "timeout": Cause("The platform took too long to answer.", "Nothing to do: we try again.", True, "low"),
    "server_error": Cause("The platform has trouble of its own.", "Nothing to do: we try again.", True, "low"),
    "tls": Cause(
        "The connection to the platform is not safe: its certificate is not valid.",
        "Check for a proxy that intercepts traffic. Nothing was sent.",
        False,
        "critical",
    ),
    "truncated": Cause("The answer broke off.", "Nothing to do: we try again.", True, "low"),
    "too_large": Cause(
        "The answer was larger than a sane answer can be.",
        "Report this: the platform's answer has changed.",
        False,
        "medium",
        in_form="Report this with the platform's own words.",
    ),
    "contract_error": Cause(
        "The answer was not in the agreed form.",
        "The last good numbers stay. Update Sourceboard, or report this with the sync job's id.",
        False,
        "medium",
        in_form="Test again. If it lasts, update Sourceboard, or report this with the platform's own words.",
    ),
    "not_json": Cause(
        "The platform answered with a web page where data was expected.",
        "Check that no proxy or sign-in page stands between. The last good numbers stay.",
        True,
        "medium",
        in_form="Check that no proxy or sign-in page stands between, then test again.",
    ),
    "page_loop": Cause(
        "The platform's paging runs in circles.",
        "Report this with the sync job's id. The last good numbers stay.",
        False,
        "medium",
        in_form="Report this with the platform's own words.",
    ),
    "request_rejected": Cause(
        "The platform refused our request.",
        "Report this with the sync job's id: it is a mistake of ours.",
        False,
        "medium",
        in_form="Report this with the platform's own words: it is a mistake of ours.",
    ),
    "content_refused": Cause(
        "The platform does not accept this posting as it is.",
        "Correct the fields named, then publish again.",
        False,
        "low",
    ),
    "outcome_unknown": Cause(
        "It was sent, and no answer came.",
        "Nothing to do: it is looked up at the platform before anything is sent again.",
        True,
        "low",
    ),
    "handshake_failed": Cause(
        "The platform asked the webhook's address a question and did not get the right answer.",
        "See that the address can be reached from outside by https, and that the secret set for it is the one the"
        " platform signs with. Then register again.",
        False,
        "medium",
    ),
    "address_refused": Cause(
        "The platform does not take the webhook's address.",
        "It must be a public https address. Set PUBLIC_URL to one, then register again.",
        False,
        "medium",
    ),
    "address_taken": Cause(
        "Webhooks of this app go to another program's address.",
        "Use an app of its own for Sourceboard, or register again and say that the other address may go.",
        False,
        "medium",
    ),
    "address_limit": Cause(
        "Your plan at the platform allows no further webhook address.",
        "Remove one there, or choose a larger plan. Then register again.",
        False,
        "medium",
    ),
    "webhook_silent": Cause(
        "A platform that used to send webhooks sends none any more.",
        "Look at the platform whether it still delivers to the address on the page Webhooks.",
        False,
        "medium",
    ),
    "blocked_address": Cause(
        "The platform's name leads to an address we must not call.",
        "Check this machine's name resolution.",
        False,
        "critical",
    ),
    "lost_lease": Cause("Another worker took this sync over.", "Nothing to do.", True, "low"),
    "no_worker": Cause(
        "The worker stopped in the middle.",
        "Nothing to do: the sync resumes from its last page.",
        True,
        "low",
    ),
    "key_missing": Cause(
        "The key that protects the stored credentials is missing.",
        "Start Sourceboard with the encryption key that was in use when the connection was saved.",
        False,
        "critical",
    ),
    "unexpected": Cause(
        "Something went wrong that we did not foresee.",
        "Report this with the sync job's id.",
        True,
        "medium",
        in_form="Report this with the platform's own words.",
    ),
}

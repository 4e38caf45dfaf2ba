"""What an admin fills in to connect a Google Analytics 4 property: the property, its events and a sign-in."""

import re
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors import auth
from connectors.contract import ConnectorConfig
from connectors.wording import page_path

#: Google's own bounds on what a site may send.
MAX_EVENTS = 10
_EVENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}", re.ASCII)
_CUSTOM = "customEvent:"


class CompanyWebsiteConfig(ConnectorConfig):
    """What an admin fills in to connect a Google Analytics 4 property."""

    property_id: str = Field(
        title="Property ID",
        description="Digits only, from Analytics: Admin, Property details.",
        json_schema_extra={"placeholder": "313131313", "group": "Property"},
    )
    careers_path: str = Field(
        "/jobs",
        title="Careers path",
        description="Pages whose path begins like this are your careers pages.",
        max_length=200,
        json_schema_extra={"placeholder": "/jobs", "group": "Property"},
    )
    apply_click_event: str = Field(
        "",
        title="Events: apply button clicked",
        description="Names of the Analytics events, with commas between. Empty: clicks are not counted.",
        max_length=400,
        json_schema_extra={"placeholder": "apply_click", "group": "Events"},
    )
    apply_start_event: str = Field(
        "",
        title="Events: application begun",
        description="Names of the Analytics events, with commas between. Empty: apply starts are not counted.",
        max_length=400,
        json_schema_extra={"placeholder": "apply_start", "group": "Events"},
    )
    apply_complete_event: str = Field(
        "",
        title="Events: application sent",
        description="Names of the Analytics events, with commas between. Empty: applications are not counted.",
        max_length=400,
        json_schema_extra={"placeholder": "apply_complete", "group": "Events"},
    )
    posting_dimension: str = Field(
        "",
        title="Event parameter with the posting",
        description="The parameter of these events that carries your requisition number. Empty: the page's path tells.",
        max_length=60,
        json_schema_extra={"placeholder": "job_id", "group": "Events"},
    )
    service_account_json: SecretStr | None = Field(
        None,
        title="Service account key (JSON)",
        description="The whole key file. Its e-mail address needs the Viewer role on the property.",
        json_schema_extra={"multiline": True, "group": "Sign-in: service account"},
    )
    oauth_client_id: str = Field(
        "",
        title="OAuth client ID",
        description="Only without a service account.",
        json_schema_extra={"group": "Sign-in: OAuth client"},
    )
    oauth_client_secret: SecretStr | None = Field(
        None,
        title="OAuth client secret",
        description="Only without a service account.",
        json_schema_extra={"group": "Sign-in: OAuth client"},
    )
    refresh_token: SecretStr | None = Field(
        None,
        title="Refresh token",
        description="Only without a service account; granted for analytics.readonly.",
        json_schema_extra={"group": "Sign-in: OAuth client"},
    )

    @field_validator("property_id")
    @classmethod
    def _is_a_property(cls, text: str) -> str:
        text = text.removeprefix("properties/")
        if re.fullmatch(r"(?i)(G|GT|AW)-\w+", text):
            raise ValueError(
                "this is a measurement ID; the property ID has digits only (Analytics: Admin, Property details)"
            )
        if re.fullmatch(r"(?i)UA-.*", text):
            raise ValueError("this is a Universal Analytics ID, which Google has switched off; use a GA4 property ID")
        if not re.fullmatch(r"[1-9][0-9]{3,17}", text, re.ASCII):
            raise ValueError("the property ID has digits only, such as 313131313")
        return text

    @field_validator("careers_path")
    @classmethod
    def _is_a_path(cls, text: str) -> str:
        if "://" in text:
            raise ValueError("only the path, such as /jobs, without the site's name")
        return page_path("/" + text.lstrip("/"))

    @field_validator("apply_click_event", "apply_start_event", "apply_complete_event")
    @classmethod
    def _are_events(cls, text: str) -> str:
        names = _names(text)
        for name in names:
            if not _EVENT.fullmatch(name):
                raise ValueError(f"{name[:40]!r} is no event's name: letters, digits and underscores, 40 at most")
        if len(names) > MAX_EVENTS:
            raise ValueError(f"at most {MAX_EVENTS} events")
        return ", ".join(names)

    @field_validator("posting_dimension")
    @classmethod
    def _is_a_parameter(cls, text: str) -> str:
        """As the API names the dimension, whether or not the prefix was typed."""
        name = text.strip().removeprefix(_CUSTOM)
        if not name:
            return ""
        if not _EVENT.fullmatch(name):
            raise ValueError("the parameter's name as your site sends it, such as job_id")
        return _CUSTOM + name

    @field_validator("service_account_json", "oauth_client_secret", "refresh_token")
    @classmethod
    def _is_filled(cls, secret: SecretStr | None) -> SecretStr | None:
        return secret if secret is not None and secret.get_secret_value().strip() else None

    @field_validator("service_account_json")
    @classmethod
    def _is_a_key_file(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            auth.ServiceAccount.parse(secret.get_secret_value())
        return secret

    @model_validator(mode="after")
    def _can_sign_in(self) -> Self:
        by_client = (self.oauth_client_id, self.oauth_client_secret, self.refresh_token)
        if self.service_account_json is None and not all(by_client):
            raise ValueError("fill in the service account key, or all three fields of the OAuth client")
        if self.posting_dimension and not self.events():
            raise ValueError("the parameter with the posting belongs to events: name at least one of them")
        return self

    def events(self) -> dict[str, tuple[str, ...]]:
        """Our metrics that have events, with the events' names."""
        named = {
            "clicks": _names(self.apply_click_event),
            "apply_starts": _names(self.apply_start_event),
            "applications": _names(self.apply_complete_event),
        }
        return {metric: names for metric, names in named.items() if names}


def _names(text: str) -> tuple[str, ...]:
    """Names out of a list with commas, each once.

    >>> _names("apply, generate_lead,apply,")
    ('apply', 'generate_lead')
    """
    return tuple(dict.fromkeys(filter(None, (name.strip() for name in text.split(",")))))

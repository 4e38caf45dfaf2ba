"""What LinkedIn Page asks for: an app, a grant, a page and the version of the API to speak."""

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.contract import ConnectorConfig

#: Served until the middle of September 2027.
VERSION = "202609"


class LinkedInPageConfig(ConnectorConfig):
    """What an admin fills in, or LinkedIn's consent page does."""

    client_id: str = Field(
        title="Client ID",
        description="Of your app in LinkedIn's developer portal.",
        min_length=1,
        max_length=200,
        json_schema_extra={"group": "Sign-in"},
    )
    client_secret: SecretStr = Field(
        title="Client secret",
        description="The app's primary client secret.",
        min_length=1,
        json_schema_extra={"group": "Sign-in"},
    )
    refresh_token: SecretStr = Field(
        SecretStr(""),
        title="Refresh token",
        description="Comes with the consent. Apps without programmatic refresh have none.",
        json_schema_extra={"group": "Sign-in"},
    )
    access_token: SecretStr = Field(
        SecretStr(""),
        title="Access token",
        description="For apps without refresh tokens, from the portal's token generator. It ends after 60 days.",
        json_schema_extra={"group": "Sign-in"},
    )
    organization_id: str = Field(
        title="Page ID",
        description="The number in the address of the page's admin view.",
        pattern=r"^[0-9]{1,19}$",
        json_schema_extra={"group": "Page", "placeholder": "2414183"},
    )
    api_version: str = Field(
        VERSION,
        title="API version",
        description="Year and month of the version of LinkedIn's API to speak. Each is served for a year.",
        pattern=r"^20[0-9]{2}(0[1-9]|1[0-2])$",
        json_schema_extra={"group": "Page"},
    )

    @field_validator("organization_id", mode="before")
    @classmethod
    def _is_number(cls, value: object) -> object:
        return value.strip().removeprefix("urn:li:organization:") if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_token(self) -> "LinkedInPageConfig":
        if not self.refresh_token.get_secret_value() and not self.access_token.get_secret_value():
            raise ValueError("enter a refresh token or an access token")
        return self

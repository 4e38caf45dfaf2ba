"""Signing in to Indeed: the form's fields, the grant in the browser and tokens, for every product of Indeed's.

OAuth 2, client credentials bound to an employer, or a grant that a person gave in the browser (60 days).
https://docs.indeed.com/authorization/oauth-reference
"""

from collections.abc import Mapping
from typing import ClassVar, TypeVar

from msgspec import Struct
from pydantic import Field, SecretStr, field_validator

from connectors import auth
from connectors.contract import Connector, ConnectorConfig, OAuth, Token
from connectors.errors import ConnectorError
from connectors.http import Ask
from connectors.wording import clean

TOKEN_URL = "https://apis.indeed.com/oauth/v2/tokens"  # noqa: S105 an address
APP_URL = "https://secure.indeed.com/v2/api/appinfo"


class IndeedSignIn(ConnectorConfig):
    """The app, the person's grant where there is one, and the employer acted for."""

    client_id: str = Field(
        title="Client ID",
        description="Of your app in Indeed's Partner Console.",
        min_length=1,
        max_length=200,
        json_schema_extra={"group": "Sign-in"},
    )
    client_secret: SecretStr = Field(
        title="Client secret",
        description="Shown once when the app's credentials are made.",
        min_length=1,
        json_schema_extra={"group": "Sign-in"},
    )
    refresh_token: SecretStr | None = Field(
        None,
        title="Refresh token",
        description="Comes with “Connect with Indeed”. Empty: the app signs in for itself.",
        json_schema_extra={"group": "Sign-in"},
    )
    employer_id: str = Field(
        title="Employer ID",
        description="The advertiser the app acts for.",
        min_length=1,
        max_length=200,
        json_schema_extra={"group": "Account"},
    )

    @field_validator("refresh_token")
    @classmethod
    def _is_filled(cls, secret: SecretStr | None) -> SecretStr | None:
        return secret if secret is not None and secret.get_secret_value().strip() else None

    @field_validator("client_id", "employer_id")
    @classmethod
    def _is_one_word(cls, text: str) -> str:
        if any(letter.isspace() for letter in text):
            raise ValueError("no spaces")
        return text


SignInT = TypeVar("SignInT", bound=IndeedSignIn)


def grant_of(scope: str) -> OAuth:
    """The grant in the browser for these scopes; the person chooses the employer there."""
    return OAuth(
        authorize_url="https://secure.indeed.com/oauth/v2/authorize",
        token_url=TOKEN_URL,
        scopes=(*scope.split(), "offline_access"),
        client_env="INDEED",
        uses_pkce=False,
        extra=(("prompt", "select_employer"),),
        refresh_days=60,
    )


class IndeedAccount(Connector[SignInT]):
    """What all connectors to Indeed share. `scope` is what the app asks for when it signs in for itself."""

    scope: ClassVar[str]

    @classmethod
    def redirected(cls, query: Mapping[str, str]) -> dict[str, object]:
        """The employer that was chosen on the consent page."""
        return {"employer_id": query["employer"]} if query.get("employer") else {}

    def employer_name(self) -> str:
        """The employer's name, "" where the app may not see it. https://docs.indeed.com/authorization"""
        try:
            answer = self.session.http.send(Ask("GET", APP_URL, bearer=self.bearer(), spends=False))
            found = answer.decode(_AppInfo).employers
        except ConnectorError:
            return ""
        return next((clean(each.name, 200) for each in found if each.id == self.config.employer_id), "")

    def bearer(self) -> auth.CachedBearer:
        """Tokens for the employer."""
        return auth.CachedBearer(self.session.tokens, self._fetch_token)

    def _fetch_token(self, stored: Token | None) -> Token:
        """https://docs.indeed.com/authorization/oauth-reference"""
        client = auth.Client(self.config.client_id, self.config.client_secret)
        if self.config.refresh_token is not None:
            granted = (stored.refresh_token if stored else "") or self.config.refresh_token.get_secret_value()
            return auth.refresh_token(self.session.http, TOKEN_URL, client, granted)
        fields = {"scope": self.scope, "employer": self.config.employer_id}
        return auth.client_token(self.session.http, TOKEN_URL, client, fields)


class _Employer(Struct):
    id: str
    name: str = ""


class _AppInfo(Struct):
    employers: list[_Employer] = []

"""From whatever token an admin has to the page's own: examined, made a lasting one, and proven with the secret.

There are no refresh tokens. A page's token does not end by itself; a person's lasts 60 days and then only that person
can grant anew. https://developers.facebook.com/docs/facebook-login/guides/access-tokens
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from msgspec import Struct
from pydantic import SecretStr

from connectors.answers import Answer
from connectors.contract import Session, Token
from connectors.errors import AuthExpired, ConfigError
from connectors.http import Ask
from connectors.paging import TokenPages

Method = Literal["GET", "POST", "DELETE"]
#: Tokens that do not end are looked at again after so long.
RECHECK = timedelta(days=30)
#: A page's own token stands here in place of a refresh token when it came without a person's.
NOBODY = "page"


class Examined(Struct):
    """What debug_token says of a token."""

    is_valid: bool = False
    type: str = ""
    profile_id: str = ""
    expires_at: int = 0


class Examination(Struct):
    """Its envelope."""

    data: Examined


class Exchanged(Struct):
    """A lasting token for a short one."""

    access_token: str
    expires_in: int = 5_184_000


class OwnPage(Struct):
    """A page of a person's, with its token."""

    id: str
    name: str = ""
    access_token: str = ""


class Cursors(Struct):
    """Where a list goes on."""

    after: str = ""


class Paging(Struct):
    """Only a missing `next` ends a list."""

    cursors: Cursors | None = None
    next: str = ""


class OwnPages(Struct):
    """The pages a person may analyse."""

    data: list[OwnPage]
    paging: Paging | None = None


@dataclass(frozen=True)
class App:
    """The app that asks: its id and secret, and where the API is."""

    api: str
    client_id: str
    client_secret: SecretStr

    def proof(self, token: str) -> str:
        """That who holds the token knows the app's secret too.

        https://developers.facebook.com/docs/graph-api/guides/secure-requests
        """
        return hmac.new(self.client_secret.get_secret_value().encode(), token.encode(), hashlib.sha256).hexdigest()


class PageTokens:
    """The token of one page, from the cache or from `given`, and requests made with it.

    In the cache a page's token has a `refresh_token`: the person's token it was made from. What consent in the browser
    left there has none, and speaks for the person alone.
    """

    def __init__(self, session: Session, app: App, page_id: str, given: str) -> None:
        self._session, self._http, self._app = session, session.http, app
        self._page_id, self._given = page_id, given

    def get(self, url: str, params: Mapping[str, str]) -> Answer:
        """GET as the page; a refused token is looked at and replaced once. Raises ConnectorError."""
        return self.act("GET", url, params)

    def act(self, method: Method, url: str, params: Mapping[str, str]) -> Answer:
        """The same with any method; what is done twice must do no harm."""
        kept = self._session.tokens.current()
        token = kept if kept and kept.refresh_token else self._renewed(kept.access_token if kept else "")
        try:
            return self._sent(method, url, params, token.access_token)
        except AuthExpired:
            renewed = self._renewed(token.access_token)
        return self._sent(method, url, params, renewed.access_token)

    def ask(self, url: str, params: Mapping[str, str], token: str, *, spends: bool = True) -> Answer:
        """GET with a token of anybody's, in a header so that no address holds it."""
        return self._sent("GET", url, params, token, spends=spends)

    def _sent(self, method: Method, url: str, params: Mapping[str, str], token: str, *, spends: bool = True) -> Answer:
        proof = self._app.proof(token)
        self._http.conceal(token, proof)
        asked = {**params, "appsecret_proof": proof}
        return self._http.send(Ask(method, url, asked, headers={"authorization": f"Bearer {token}"}, spends=spends))

    def pages(self) -> list[OwnPage]:
        """The pages of the person who has just granted access, whose token is made a lasting one."""
        kept = self._session.tokens.current()
        if kept is None:
            raise AuthExpired("nobody has granted access", cause="auth_expired")
        lasting = self._session.tokens.renew(kept.access_token, lambda _stored: self._lasting(kept.access_token))
        return list(self._own_pages(lasting.access_token))

    def _renewed(self, used: str) -> Token:
        return self._session.tokens.renew(used, self._fetch)

    def _fetch(self, stored: Token | None) -> Token:
        """The first of the tokens we hold that still leads to the page."""
        held = (stored.refresh_token, stored.access_token) if stored else ()
        for candidate in dict.fromkeys((*held, self._given)):
            if candidate in {"", NOBODY}:
                continue
            found = self._examine(candidate)
            if found.is_valid and found.type == "PAGE":
                return self._of_page(candidate, found)
            if found.is_valid:
                return self._of_person(candidate)
        raise AuthExpired("Facebook says that the token is not valid any more", cause="auth_revoked")

    def _of_page(self, token: str, found: Examined) -> Token:
        if found.profile_id and found.profile_id != self._page_id:
            raise ConfigError(f"the token is that of page {found.profile_id}", cause="account_unknown")
        return Token(token, self._end(found.expires_at), NOBODY)

    def _of_person(self, token: str) -> Token:
        lasting = self._lasting(token)
        for page in self._own_pages(lasting.access_token):
            if page.id == self._page_id and page.access_token:
                return Token(page.access_token, self._http.now() + RECHECK, lasting.access_token)
        raise ConfigError("the person behind the token may not analyse this page", cause="account_unknown")

    def _lasting(self, token: str) -> Token:
        """https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived"""
        self._http.conceal(token)
        asked = {
            "grant_type": "fb_exchange_token",
            "client_id": self._app.client_id,
            "client_secret": self._app.client_secret.get_secret_value(),
            "fb_exchange_token": token,
        }
        told = self._http.send(Ask("GET", f"{self._app.api}/oauth/access_token", asked, spends=False)).decode(Exchanged)
        self._http.conceal(told.access_token)
        return Token(told.access_token, self._http.now() + timedelta(seconds=max(told.expires_in, 60)))

    def _own_pages(self, person: str) -> Iterator[OwnPage]:
        """https://developers.facebook.com/docs/graph-api/reference/user/accounts"""
        pages = TokenPages()
        while not pages.is_done:
            params = {"fields": "id,name,access_token", "limit": "100"} | (
                {"after": pages.token} if pages.token else {}
            )
            told = self.ask(f"{self._app.api}/me/accounts", params, person, spends=False).decode(OwnPages)
            self._http.conceal(*(page.access_token for page in told.data if page.access_token))
            yield from told.data
            paging = told.paging
            pages.advance(paging.cursors.after if paging and paging.next and paging.cursors else "")

    def _examine(self, token: str) -> Examined:
        """https://developers.facebook.com/docs/graph-api/reference/debug_token"""
        mine = f"{self._app.client_id}|{self._app.client_secret.get_secret_value()}"
        self._http.conceal(token, mine)
        headers = {"authorization": f"Bearer {mine}"}
        try:
            ask = Ask("GET", f"{self._app.api}/debug_token", {"input_token": token}, headers=headers, spends=False)
            return self._http.send(ask).decode(Examination).data
        except AuthExpired as error:
            raise ConfigError(f"the app's id and secret do not fit: {error.detail}", cause="key_invalid") from None

    def _end(self, seconds: int) -> datetime:
        latest = self._http.now() + RECHECK
        return min(datetime.fromtimestamp(seconds, UTC), latest) if seconds > 0 else latest

"""The page on which somebody grants access, and the codes and refresh tokens that come of it, for any platform."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.credentials import opaque

if TYPE_CHECKING:
    from sandbox.world import World

ASKED = ("client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method")


class Refused(Exception):
    """A refusal in the words of RFC 6749: `error` and `description`."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error, self.description = error, description


@dataclass(frozen=True)
class Provider:
    """What is a platform's own about granting: its page's path, whom it knows, what may be asked for."""

    issuer: str
    label: str
    path: str
    client_id: Callable[[World], str]
    scopes: frozenset[str]
    code_seconds: int = 600
    wants_pkce: bool = False
    employer: Callable[[World], str] | None = None


@dataclass
class Code:
    """A grant on its way: good once, for the client and the address it was asked with."""

    issuer: str
    client_id: str
    redirect_uri: str
    scopes: frozenset[str]
    challenge: str
    is_offline: bool
    expires_at: datetime
    employer: str
    is_used: bool = False


@dataclass
class Family:
    """All refresh tokens that descend from one grant; a used one that comes back ends them all."""

    issuer: str
    scopes: frozenset[str]
    employer: str
    current: str
    is_alive: bool = True


@dataclass
class Desk:
    """Codes and refresh tokens in circulation."""

    codes: dict[str, Code] = field(default_factory=dict)
    families: dict[str, Family] = field(default_factory=dict)

    def reset(self) -> None:
        """Forget all of them."""
        self.codes.clear()
        self.families.clear()

    def redeem(self, form: dict[str, str], issuer: str, client_id: str, now: datetime) -> Code:
        """The grant behind a code. A code that is used twice ends what came of it. Raises Refused."""
        code = self.codes.get(form.get("code", ""))
        if code is None or code.issuer != issuer or code.client_id != client_id or now >= code.expires_at:
            raise Refused("invalid_grant", "The authorization code is unknown or expired.")
        if code.is_used:
            self.end(code.issuer)
            raise Refused("invalid_grant", "The authorization code was used already.")
        if form.get("redirect_uri") != code.redirect_uri:
            raise Refused("invalid_grant", "The redirect_uri is not the one the code was asked with.")
        if code.challenge and _challenge(form.get("code_verifier", "")) != code.challenge:
            raise Refused("invalid_grant", "The code_verifier does not fit the code_challenge.")
        code.is_used = True
        return code

    def new_family(self, code: Code, prefix: str) -> str:
        """The first refresh token of a grant."""
        value = opaque(prefix)
        self.families[value] = Family(code.issuer, code.scopes, code.employer, value)
        return value

    def family(self, value: str, issuer: str) -> Family:
        """The living family of a refresh token; one that was replaced ends its family. Raises Refused."""
        family = self.families.get(value)
        if family is None or family.issuer != issuer or not family.is_alive:
            raise Refused("invalid_grant", "Token has been expired or revoked.")
        if family.current != value:
            family.is_alive = False
            raise Refused("invalid_grant", "The refresh token was used before: all its tokens are revoked.")
        return family

    def rotate(self, family: Family, prefix: str) -> str:
        """Another refresh token in place of the current one."""
        family.current = opaque(prefix)
        self.families[family.current] = family
        return family.current

    def end(self, issuer: str) -> None:
        """Revoke all of a platform's grants."""
        for family in self.families.values():
            if family.issuer == issuer:
                family.is_alive = False


def consent_routes(provider: Provider, world: World) -> list[Route]:
    """GET shows who asks for what; POST says yes (`answer=allow`) or no, and goes back where it came from."""

    async def ask(request: Request) -> Response:
        asked = {name: request.query_params.get(name, "") for name in (*ASKED, "access_type", "prompt")}
        trouble = _trouble(provider, world, asked)
        return HTMLResponse(_page(provider, asked, trouble), 400 if trouble else 200)

    async def answer(request: Request) -> Response:
        told = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
        trouble = _trouble(provider, world, told)
        if trouble:
            return HTMLResponse(_page(provider, told, trouble), 400)
        back = {"state": told["state"]} if told.get("state") else {}
        if told.get("answer") != "allow":
            back |= {"error": "access_denied", "error_description": "The user did not grant access."}
        else:
            back |= _grant(provider, world, told)
        joint = "&" if "?" in told["redirect_uri"] else "?"
        return RedirectResponse(f"{told['redirect_uri']}{joint}{urlencode(back)}", 303)

    return [Route(provider.path, ask, methods=["GET"]), Route(provider.path, answer, methods=["POST"])]


def _grant(provider: Provider, world: World, told: dict[str, str]) -> dict[str, str]:
    value = opaque("")
    employer = provider.employer(world) if provider.employer else ""
    scopes = frozenset(told.get("scope", "").split())
    world.consent.codes[value] = Code(
        issuer=provider.issuer,
        client_id=told["client_id"],
        redirect_uri=told["redirect_uri"],
        scopes=scopes,
        challenge=told.get("code_challenge", ""),
        is_offline=told.get("access_type") == "offline" or bool(scopes & {"offline_access", "offline.access"}),
        expires_at=world.clock.now() + timedelta(seconds=provider.code_seconds),
        employer=employer,
    )
    return {"code": value, **({"employer": employer} if employer else {})}


def _trouble(provider: Provider, world: World, asked: dict[str, str]) -> str:
    """Why the platform does not even ask; it does not go back either, as it cannot trust the address."""
    if asked.get("client_id") != provider.client_id(world):
        return "invalid_client: The OAuth client was not found."
    if not asked.get("redirect_uri", "").startswith(("http://localhost", "http://127.0.0.1", "https://")):
        return "redirect_uri_mismatch"
    if asked.get("response_type") != "code":
        return "unsupported_response_type"
    scopes = frozenset(asked.get("scope", "").split())
    if not scopes or not scopes <= provider.scopes:
        return f"invalid_scope: {' '.join(sorted(scopes - provider.scopes)) or '(none)'}"
    if provider.wants_pkce and (not asked.get("code_challenge") or asked.get("code_challenge_method") != "S256"):
        return "invalid_request: code_challenge (S256) is required"
    return ""


def _page(provider: Provider, asked: dict[str, str], trouble: str) -> str:
    head = f"<!doctype html><title>{provider.label}: sandbox</title><h1>{provider.label} (sandbox)</h1>"
    if trouble:
        return f"{head}<p>{html.escape(trouble)}</p>"
    scopes = "".join(f"<li>{html.escape(scope)}</li>" for scope in asked["scope"].split())
    fields = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value)}">' for name, value in asked.items() if value
    )
    return (
        f"{head}<p>Sourceboard asks for:</p><ul>{scopes}</ul><form method='post'>{fields}"
        "<button name='answer' value='allow'>Allow</button> <button name='answer' value='deny'>Deny</button></form>"
    )


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()

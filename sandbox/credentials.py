"""The accounts the platforms know, and the tokens they have handed out."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

TOKEN_SECONDS = 3600
GA4_SCOPE = "https://www.googleapis.com/auth/analytics.readonly"


@dataclass(frozen=True)
class Account:
    """Everything a company needs to connect; secrets follow from the seed, the key is made once."""

    property_id: str
    project_id: str
    project_number: str
    client_email: str
    private_key_id: str
    private_key: rsa.RSAPrivateKey
    oauth_client_id: str
    oauth_client_secret: str
    refresh_token: str
    indeed_client_id: str
    indeed_client_secret: str
    employer_id: str

    def pem(self) -> str:
        """The service account's private key as its key file carries it."""
        encoded = self.private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return encoded.decode()

    def key_file(self, base_url: str) -> dict[str, str]:
        """The service account key file, with the token endpoint of this sandbox."""
        return {
            "type": "service_account",
            "project_id": self.project_id,
            "private_key_id": self.private_key_id,
            "private_key": self.pem(),
            "client_email": self.client_email,
            "client_id": "104857600000000000001",
            "auth_uri": f"{base_url}/o/oauth2/auth",
            "token_uri": f"{base_url}/token",
            "universe_domain": "googleapis.com",
        }


def open_account(seed: int, state_dir: Path | None) -> Account:
    """The account of a seed; the RSA key is kept in the state directory, so that a restart keeps working."""

    def secret(purpose: str, length: int = 32) -> str:
        return hashlib.sha256(f"{seed}:{purpose}".encode()).hexdigest()[:length]

    return Account(
        property_id=str(310_000_000 + int(secret("property", 6), 16)),
        project_id="halden-hiring",
        project_number="418223907711",
        client_email="sourceboard-reader@halden-hiring.iam.gserviceaccount.com",
        private_key_id=secret("key id", 40),
        private_key=_private_key(seed, state_dir),
        oauth_client_id=f"418223907711-{secret('oauth id', 20)}.apps.googleusercontent.com",
        oauth_client_secret=f"GOCSPX-{secret('oauth secret', 28)}",
        refresh_token=f"1//0{secret('refresh')}",
        indeed_client_id=secret("indeed id", 40),
        indeed_client_secret=secret("indeed secret", 48),
        employer_id=secret("employer", 16),
    )


def _private_key(seed: int, state_dir: Path | None) -> rsa.RSAPrivateKey:
    if state_dir is None:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = state_dir / f"service-account-{seed}.pem"
    if path.exists():
        loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(loaded, rsa.RSAPrivateKey):
            raise ValueError(f"{path} holds no RSA key")
        return loaded
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _keep_first(
        path,
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    return _private_key(seed, state_dir)


def _keep_first(path: Path, content: bytes) -> None:
    """A file that is there whole or not at all, readable by us alone. Of two that keep one at once the first wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".kept-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()


@dataclass
class Token:
    """One access token: whom it speaks for, what it may do, until when."""

    value: str
    issuer: str
    grant: str
    scopes: frozenset[str]
    expires_at: datetime
    employer: str | None = None


@dataclass
class Authority:
    """The tokens in circulation and the grants that were taken back."""

    tokens: dict[str, Token] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)

    def issue(self, token: Token) -> Token:
        """Put a token into circulation."""
        self.tokens[token.value] = token
        return token

    def find(self, value: str, issuer: str, now: datetime) -> Token | None:
        """The live token, or None when it is unknown, expired or its grant was taken back."""
        token = self.tokens.get(value)
        if token is None or token.issuer != issuer or token.grant in self.revoked:
            return None
        return token if now < token.expires_at else None

    def expire(self, issuer: str | None = None, value: str | None = None) -> int:
        """End access tokens (of one issuer, or one of them); says how many."""
        ended = [
            token.value
            for token in self.tokens.values()
            if (issuer is None or token.issuer == issuer) and (value is None or token.value == value)
        ]
        for name in ended:
            del self.tokens[name]
        return len(ended)

    def reset(self) -> None:
        """Forget all tokens and give every grant back."""
        self.tokens.clear()
        self.revoked.clear()


def bearer(headers: Any) -> str | None:
    """The token of an Authorization header, or None."""
    scheme, _, value = str(headers.get("authorization", "")).partition(" ")
    return value.strip() or None if scheme.lower() == "bearer" else None


def opaque(prefix: str) -> str:
    """A fresh unguessable token value."""
    return prefix + secrets.token_urlsafe(48)


def expiry(now: datetime) -> datetime:
    """When a token issued now ends."""
    return now + timedelta(seconds=TOKEN_SECONDS)


def remembered_anchor(seed: int, state_dir: Path | None, today: str) -> str:
    """The day the story was first told (ISO), kept in the state directory so that a restart tells the same one."""
    if state_dir is None:
        return today
    path = state_dir / f"story-{seed}.json"
    if path.exists():
        return str(json.loads(path.read_text())["anchor"])
    _keep_first(path, json.dumps({"seed": seed, "anchor": today}).encode())
    return remembered_anchor(seed, state_dir, today)

"""The only reader of the environment: every setting, its default and its meaning."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import unquote, urlsplit

_DATABASES = r"(postgres|postgresql(\+psycopg)?|sqlite(\+pysqlite)?)://"


class SettingsError(ValueError):
    """An environment variable holds something we cannot use; the text says which and what to write instead."""


def _setting(variable: str, default: str, meaning: str) -> str:
    return field(default=default, metadata={"variable": variable, "meaning": meaning})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings as text; the properties give them their types. `docs/operating.md` lists every one (tested)."""

    database_url: str = _setting(
        "DATABASE_URL", "", "postgresql://user:password@host/name; empty means SQLite in DATA_DIR."
    )
    data_directory: str = _setting("DATA_DIR", "data", "Folder for the database, backups and the made key.")
    redis_url: str = _setting("REDIS_URL", "", "Redis for many workers; not supported yet, so setting it is an error.")
    encryption_key: str = _setting("ENCRYPTION_KEY", "", "Keyring kid:base64[,kid:base64]; the first one writes.")
    encryption_key_file: str = _setting("ENCRYPTION_KEY_FILE", "", "File that holds the keyring.")
    public_url: str = _setting("PUBLIC_URL", "", "Address visitors use; https makes cookies Secure.")
    port_text: str = _setting("PORT", "8501", "Port of the app.")
    sandbox_text: str = _setting("SANDBOX", "", "1 sends every connector to the sandbox on loopback.")
    sandbox_port_text: str = _setting("SANDBOX_PORT", "8601", "Port of the sandbox.")
    demo_password: str = _setting(
        "DEMO_PASSWORD", "", "Password of the demo sign-ins; empty: made once, kept in DATA_DIR and printed."
    )
    trusted_proxies: str = _setting(
        "TRUSTED_PROXIES", "", "Addresses or networks of proxies whose headers are believed."
    )
    metrics_token: str = _setting(
        "METRICS_TOKEN", "", "Bearer token for /metrics and /_stcore/metrics from other machines."
    )
    log_level: str = _setting("LOG_LEVEL", "info", "debug, info, warning or error.")
    workers_text: str = _setting("WORKERS", "2", "Processes that run syncs and aggregation; 0 runs none here.")
    session_idle_text: str = _setting(
        "SESSION_IDLE_MINUTES", "720", "Minutes without a click until sign-in is asked again."
    )
    session_hours_text: str = _setting("SESSION_HOURS", "168", "Hours until sign-in is asked again in any case.")
    api_requests_text: str = _setting(
        "API_REQUESTS_PER_MINUTE", "60", "Requests a minute that each API key or token may make."
    )
    api_exports_text: str = _setting("API_EXPORTS", "3", "Exports that one process streams at the same time.")
    api_cors_origins: str = _setting(
        "API_CORS_ORIGINS", "", "Origins whose pages may call the API with a key, separated by spaces; empty is none."
    )
    track_events_text: str = _setting(
        "TRACK_EVENTS_PER_MINUTE", "600", "Tracked events and clicks a minute that one address may send."
    )
    maxmind_db: str = _setting(
        "MAXMIND_DB", "", "MaxMind file (.mmdb) that tells the country of tracked visits; empty leaves it out."
    )
    smtp_url: str = _setting("SMTP_URL", "", "Mail server: smtp://user:password@host:587, or smtps:// for TLS at once.")
    smtp_tls: str = _setting(
        "SMTP_TLS",
        "",
        "TLS for smtp://: required, or offered (in the clear without it); empty: required but on this machine.",
    )
    mail_from: str = _setting("MAIL_FROM", "", "Sender of mails; empty means noreply at the host of PUBLIC_URL.")
    mail_per_minute_text: str = _setting(
        "MAIL_PER_MINUTE", "30", "Mails sent within a minute, by all processes together; alerts do not wait for it."
    )
    alert_webhook_url: str = _setting("ALERT_WEBHOOK_URL", "", "Address that gets alerts as JSON by POST.")
    sentry_dsn: str = _setting("SENTRY_DSN", "", "Sentry project that gets alerts.")
    google_client_id: str = _setting("GOOGLE_CLIENT_ID", "", "OAuth client of “Connect with Google”.")
    google_client_secret: str = _setting("GOOGLE_CLIENT_SECRET", "", "Its secret.")
    indeed_client_id: str = _setting("INDEED_CLIENT_ID", "", "OAuth client of “Connect with Indeed”.")
    indeed_client_secret: str = _setting("INDEED_CLIENT_SECRET", "", "Its secret.")
    facebook_client_id: str = _setting("FACEBOOK_CLIENT_ID", "", "App of “Connect with Facebook”.")
    facebook_client_secret: str = _setting("FACEBOOK_CLIENT_SECRET", "", "Its secret.")
    x_client_id: str = _setting("X_CLIENT_ID", "", "OAuth client of “Connect with X”.")
    x_client_secret: str = _setting("X_CLIENT_SECRET", "", "Its secret; empty for a public client.")
    linkedin_client_id: str = _setting("LINKEDIN_CLIENT_ID", "", "OAuth client of “Connect with LinkedIn”.")
    linkedin_client_secret: str = _setting("LINKEDIN_CLIENT_SECRET", "", "Its secret.")

    @property
    def data_dir(self) -> Path:
        """Where data lives, absolute."""
        return Path(self.data_directory).expanduser().resolve()

    @property
    def url(self) -> str:
        """The database URL in SQLAlchemy's spelling."""
        if not self.database_url:
            return f"sqlite:///{self.data_dir / 'sourceboard.db'}"
        scheme, separator, rest = self.database_url.partition("://")
        if scheme in {"postgres", "postgresql"}:
            return f"postgresql+psycopg{separator}{rest}"
        return self.database_url

    @property
    def sandbox_url(self) -> str:
        """Base URL of the sandbox, "" when connectors go to the real platforms."""
        return f"http://127.0.0.1:{self.sandbox_port}" if self.sandbox_text in {"1", "true", "yes"} else ""

    @property
    def port(self) -> int:
        """Port of the app."""
        return self._whole(self.port_text, "PORT", 1, 65535)

    @property
    def sandbox_port(self) -> int:
        """Port of the sandbox."""
        return self._whole(self.sandbox_port_text, "SANDBOX_PORT", 1, 65535)

    @property
    def workers(self) -> int:
        """Processes in the pool; 0 means that this process runs no jobs."""
        return self._whole(self.workers_text, "WORKERS", 0, 64)

    @property
    def session_idle_minutes(self) -> int:
        """Minutes of rest that end a session."""
        return self._whole(self.session_idle_text, "SESSION_IDLE_MINUTES", 1, 60 * 24 * 90)

    @property
    def session_hours(self) -> int:
        """Hours that end a session in any case."""
        return self._whole(self.session_hours_text, "SESSION_HOURS", 1, 24 * 90)

    @property
    def api_requests_per_minute(self) -> int:
        """Requests a minute by one key."""
        return self._whole(self.api_requests_text, "API_REQUESTS_PER_MINUTE", 1, 1_000_000)

    @property
    def api_exports(self) -> int:
        """Exports at the same time."""
        return self._whole(self.api_exports_text, "API_EXPORTS", 1, 64)

    @property
    def track_events_per_minute(self) -> int:
        """Tracked events and clicks a minute by one address."""
        return self._whole(self.track_events_text, "TRACK_EVENTS_PER_MINUTE", 1, 100_000_000)

    @property
    def mail_per_minute(self) -> int:
        """Mails within a minute, without alerts."""
        return self._whole(self.mail_per_minute_text, "MAIL_PER_MINUTE", 1, 100_000)

    @property
    def cors_origins(self) -> tuple[str, ...]:
        """Origins of other sites that may call the API."""
        return tuple(self.api_cors_origins.replace(",", " ").split())

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be written down: passwords, tokens and keys among the settings."""
        keys = [part.strip().partition(":")[2] for part in self.encryption_key.split(",")]
        password = _password(self.database_url)
        clients = [getattr(self, item.name) for item in fields(self) if item.name.endswith("_client_secret")]
        told = (self.encryption_key, *keys, password, unquote(password), self.demo_password, self.metrics_token)
        told = (*told, *clients, _password(self.smtp_url), self.alert_webhook_url, self.sentry_dsn)
        return tuple(dict.fromkeys(secret for secret in told if secret))

    def oauth_client(self, prefix: str) -> tuple[str, str] | None:
        """Id and secret of the OAuth client for a platform (`INDEED`), None where none is set."""
        name = prefix.lower()
        client_id = getattr(self, f"{name}_client_id", "")
        return (client_id, getattr(self, f"{name}_client_secret")) if client_id else None

    @property
    def own_url(self) -> str:
        """Where others reach this program, without a slash at its end: PUBLIC_URL, else this machine."""
        return self.public_url.rstrip("/") or f"http://127.0.0.1:{self.port}"

    @property
    def is_https(self) -> bool:
        """Whether visitors come by https."""
        return self.public_url.lower().startswith("https://")

    @staticmethod
    def _whole(value: str, variable: str, low: int, high: int) -> int:
        if not value.strip().isascii() or not value.strip().isdecimal() or not low <= int(value) <= high:
            raise SettingsError(f"{variable} must be a whole number from {low} to {high}, not {value!r}.")
        return int(value)


def _password(url: str) -> str:
    """The password in an address, "" where there is none."""
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""


def load(environment: Mapping[str, str]) -> Settings:
    """Settings from an environment. Raises SettingsError with the variable's name."""
    known = {
        item.name: environment[item.metadata["variable"]]
        for item in fields(Settings)
        if item.metadata["variable"] in environment
    }
    settings = Settings(**known)
    for check in (
        "port",
        "sandbox_port",
        "workers",
        "session_idle_minutes",
        "session_hours",
        "api_requests_per_minute",
        "api_exports",
        "track_events_per_minute",
        "mail_per_minute",
    ):
        getattr(settings, check)
    # Without the address itself in the words: it may hold a password.
    if settings.database_url and not re.match(_DATABASES, settings.database_url):
        raise SettingsError("DATABASE_URL must begin with postgresql:// or sqlite:///; empty is a file in DATA_DIR.")
    for proxy in settings.trusted_proxies.replace(",", " ").split():
        _require_network(proxy)
    if settings.public_url and not re.fullmatch(r"https?://[^/\s?#@]+/?", settings.public_url):
        raise SettingsError("PUBLIC_URL must look like https://hiring.example, without a path.")
    for origin in settings.cors_origins:
        if not re.fullmatch(r"https?://[^/\s?#@*]+", origin):
            raise SettingsError(f"API_CORS_ORIGINS holds {origin!r}, which is no origin like https://reports.example.")
    _require_channels(settings)
    if settings.redis_url:
        raise SettingsError("REDIS_URL is set, but this version runs its jobs without Redis. Unset it.")
    if settings.log_level not in {"debug", "info", "warning", "error"}:
        raise SettingsError(f"LOG_LEVEL must be debug, info, warning or error, not {settings.log_level!r}.")
    return settings


def _require_channels(settings: Settings) -> None:
    if settings.smtp_url and not re.fullmatch(r"smtps?://[^\s/]+/?", settings.smtp_url):
        raise SettingsError("SMTP_URL must look like smtp://user:password@mail.example:587.")
    if settings.mail_from and not re.fullmatch(
        r"[^@<>]*<[^@<>\s]+@[^@<>\s]+>|[^@<>\s,]+@[^@<>\s,]+", settings.mail_from
    ):
        raise SettingsError("MAIL_FROM must look like jobs@acme.example, or Acme Jobs <jobs@acme.example>.")
    if settings.smtp_tls not in {"", "required", "offered"}:
        raise SettingsError(f"SMTP_TLS must be required, offered or empty, not {settings.smtp_tls!r}.")
    for variable, url in (("ALERT_WEBHOOK_URL", settings.alert_webhook_url), ("SENTRY_DSN", settings.sentry_dsn)):
        if url and not re.fullmatch(r"https?://[^\s]+", url):
            raise SettingsError(f"{variable} must be an address that begins with https://.")


def _require_network(text: str) -> None:
    try:
        ip_network(text, strict=False)
    except ValueError:
        raise SettingsError(f"TRUSTED_PROXIES holds {text!r}, which is no address or network.") from None


@lru_cache(maxsize=1)
def current() -> Settings:
    """The settings of this process."""
    return load(os.environ)

"""The settings: their documentation is complete, and what cannot be used is named."""

from dataclasses import fields
from pathlib import Path

import pytest

from settings import Settings, SettingsError, load

OPERATING = (Path(__file__).resolve().parent.parent / "docs" / "operating.md").read_text("utf-8")
ITEMS = fields(Settings)


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.metadata["variable"])
def test_every_setting_stands_in_the_operating_guide(item) -> None:
    default = f"`{item.default}`" if item.default else "empty"
    assert f"| `{item.metadata['variable']}` | {default} | {item.metadata['meaning']} |" in OPERATING


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://u:p@h/db"),
        ("DATABASE_URL", "/var/lib/sourceboard.db"),
        ("PORT", "0"),
        ("PORT", "80 80"),
        ("SANDBOX_PORT", "65536"),
        ("WORKERS", "-1"),
        ("SESSION_IDLE_MINUTES", ""),
        ("SESSION_HOURS", "١٢"),
        ("LOG_LEVEL", "loud"),
        ("TRUSTED_PROXIES", "everybody"),
        ("PUBLIC_URL", "hiring.example"),
        ("MAIL_PER_MINUTE", "0"),
        ("SMTP_TLS", "never"),
        ("MAIL_FROM", "Acme Jobs"),
        ("MAIL_FROM", "Acme <jobs@acme.example>, b@evil.example"),
    ],
)
def test_it_names_the_variable_it_cannot_use(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        load({variable: value})


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("postgres://u:p@h/db", "postgresql+psycopg://u:p@h/db"),
        ("postgresql://h/db", "postgresql+psycopg://h/db"),
        ("sqlite:////tmp/x.db", "sqlite:////tmp/x.db"),
    ],
)
def test_it_spells_database_urls_for_the_driver(given: str, url: str) -> None:
    assert load({"DATABASE_URL": given}).url == url


def test_cookies_are_secure_where_visitors_come_by_https() -> None:
    assert load({"PUBLIC_URL": "https://hiring.example"}).is_https
    assert not load({}).is_https

"""Coming in and going out, in a real browser."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.launch import RunningApp, running_app
from tests.people import ADMIN, MANAGER
from tests.web.screens import PATIENCE, fill, fill_sign_in, sign_in

pytestmark = pytest.mark.browser
PASSPHRASE = "paper boats on the canal 31"


def test_it_leads_from_the_first_start_to_a_signed_in_admin(tmp_path: Path, new_visitor: Callable[[], Page]) -> None:
    with running_app(data_dir=tmp_path / "data") as app:
        page = new_visitor()
        page.goto(app.url)
        expect(page.get_by_text("not set up yet")).to_be_visible(timeout=PATIENCE)
        link = app.setup_url()
        page.goto(link)
        fill(page, {"Company": "Acme", "Your e-mail": "Ada@Acme.example", "Your name": "Ada"})
        fill(page, {"Password": "password12345!", "Password again": "password12345!"})
        page.get_by_role("button", name="Create").click()
        expect(page.get_by_text("attacker's list")).to_be_visible(timeout=PATIENCE)
        fill(page, {"Password": PASSPHRASE, "Password again": PASSPHRASE})
        page.get_by_role("button", name="Create").click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible(timeout=PATIENCE)
        assert "setup" not in page.url

        again = new_visitor()
        again.goto(link)
        expect(again.get_by_role("button", name="Sign in")).to_be_visible(timeout=PATIENCE)
        fill_sign_in(again, "ada@acme.example", PASSPHRASE)
        expect(again.get_by_role("button", name="Sign out")).to_be_visible(timeout=PATIENCE)
        assert PASSPHRASE not in app.told()


def test_it_keeps_the_page_and_query_that_were_asked_for(app: RunningApp, new_visitor: Callable[[], Page]) -> None:
    page = new_visitor()
    sign_in(page, f"{app.url}/Sources?period=90+days&mark=kept", ADMIN)
    expect(page.get_by_role("heading", name="Sources")).to_be_visible(timeout=PATIENCE)
    assert urlsplit(page.url).path == "/Sources"
    assert parse_qs(urlsplit(page.url).query) == {"period": ["90 days"], "mark": ["kept"]}


def test_it_keeps_the_session_over_a_refresh(app: RunningApp, new_visitor: Callable[[], Page]) -> None:
    page = new_visitor()
    sign_in(page, app.url, MANAGER)
    page.reload()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_label("Password")).to_have_count(0)


def test_it_hides_the_session_from_scripts(app: RunningApp, new_visitor: Callable[[], Page]) -> None:
    page = new_visitor()
    sign_in(page, app.url, ADMIN)
    assert "sourceboard" not in page.evaluate("document.cookie")
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "acme" not in stored.lower()
    cookie = next(each for each in page.context.cookies() if each["name"] == "sourceboard")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    assert len(cookie["value"]) >= 43


def test_a_copied_cookie_is_worth_nothing_after_signing_out(app: RunningApp, new_visitor: Callable[[], Page]) -> None:
    page = new_visitor()
    sign_in(page, app.url, ADMIN)
    copied = next(each for each in page.context.cookies() if each["name"] == "sourceboard")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=PATIENCE)
    assert not [each for each in page.context.cookies() if each["name"] == "sourceboard"]

    thief = new_visitor()
    thief.context.add_cookies([{"name": "sourceboard", "value": copied["value"], "url": app.url}])
    thief.goto(app.url)
    expect(thief.get_by_role("button", name="Sign in")).to_be_visible(timeout=PATIENCE)
    answer = httpx.get(
        f"{app.url}/api/analytics/dashboard?dateRange=7d",
        cookies={"sourceboard": copied["value"]},
        trust_env=False,
        timeout=120,
    )
    assert answer.status_code == 401


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(
    app: RunningApp, new_visitor: Callable[[], Page]
) -> None:
    words = []
    for email in (ADMIN, "nobody@acme.example"):
        page = new_visitor()
        page.goto(app.url)
        fill_sign_in(page, email, "not the password at all")
        alert = page.get_by_role("alert")
        expect(alert).to_be_visible(timeout=PATIENCE)
        words.append(alert.inner_text())
    assert words[0] == words[1]
    assert "do not match" in words[0]


def test_the_pages_break_no_rule_of_their_own_policy(app: RunningApp, new_visitor: Callable[[], Page]) -> None:
    page = new_visitor()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    sign_in(page, app.url, ADMIN)
    assert not [line for line in said if "Content Security Policy" in line]

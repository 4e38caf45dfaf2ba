"""Webhooks through the screen, in a real browser: an address is made, its secret set, and what comes is shown."""

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from sqlmodel import col, select

from connectors.webhooks.signing import digest
from sandbox.senders import SENDERS
from store.tables import Application, AuditEntry, PlatformConfig, WebhookEndpoint, WebhookInbox
from store.writes.connections import next_config_number
from store.writes.webhooks import set_secret
from tests.api.deliveries import admin, person, store_of
from tests.launch import RunningApp, running_app
from tests.people import ADMIN, OUTSIDER, seed_data_dir
from tests.ui.screens import choose_row, metric, open_dialog, pick, press, settle, told, write
from tests.waiting import until

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]
#: From a delivery to what is seen of it: seconds when idle, far less certain on a busy machine.
PATIENCE = 90_000
SECRET = "the secret Indeed gave us"


@pytest.fixture(scope="module")
def working_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The product with a worker and nothing connected yet."""
    data_dir = tmp_path_factory.mktemp("webhooks")
    seed_data_dir(data_dir)
    with running_app(data_dir=data_dir, WORKERS="1") as found:
        yield found


def add(page: Page, label: str) -> None:
    pick(page.get_by_role("button", name="Add an address"), label)
    told(page, "The address is made.")


def card_of(page: Page, platform: str) -> Locator:
    """The card of a platform's address: other tests may have made others."""
    cards = page.locator('[class*="st-key-webhook_card_"]')
    return cards.filter(has=page.get_by_text(f"/api/webhooks/{platform}/"))


def address_in(card: Locator) -> str:
    return card.locator('[data-testid="stCode"] code').first.inner_text().strip()


def deliver(name: str, address: str, secret: str, who) -> int:
    sent = SENDERS[name][1](secret, who, datetime.now(UTC))
    return httpx.post(
        address + sent.path, content=sent.body, headers=dict(sent.headers), trust_env=False, timeout=60
    ).status_code


def test_an_address_is_made_and_what_is_delivered_there_is_shown(working_app, visit: Visit):
    nobody = visit(working_app, OUTSIDER, "/Webhooks")
    expect(nobody.get_by_text("No platform delivers here yet.")).to_be_visible(timeout=PATIENCE)
    page = visit(working_app, ADMIN, "/Webhooks")
    add(page, "Indeed Apply and partner events")
    card = card_of(page, "indeed")
    address = address_in(card)
    assert address.startswith(f"{working_app.url}/api/webhooks/indeed/")
    assert deliver("indeed_apply", address, SECRET, person()) == 503
    dialog = open_dialog(card.get_by_role("button", name="Set the secret"))
    write(dialog.locator("input").first, SECRET)
    dialog.get_by_role("button", name="Save the secret").click()
    told(page, "The secret is saved.")
    deadline = PATIENCE // 1000
    while deliver("indeed_apply", address, SECRET, person("seen", title="<b>Welder</b>")) == 503 and deadline:
        deadline -= 1
        page.wait_for_timeout(1000)
    expect(card.get_by_text("1 delivery", exact=False).first).to_be_visible(timeout=PATIENCE)
    expect(card.get_by_text("Delivering").first).to_be_visible(timeout=PATIENCE)
    assert SECRET not in page.content()
    body = b'{"id": "odd"}'
    signed = base64.b64encode(digest("sha1", SECRET, body)).decode()
    headers = {"X-Indeed-Signature": signed, "Content-Type": "application/json"}
    assert httpx.post(address, content=body, headers=headers, trust_env=False, timeout=60).status_code == 200
    until(lambda: kinds(working_app, "indeed") == ["apply", "unknown"], "both are applied", seconds=PATIENCE / 1000)
    page.reload()
    again = card.get_by_role("button", name="Apply it again")
    press(card.get_by_text("Recent deliveries"), card.get_by_test_id("stDataFrame"))
    choose_row(card.get_by_test_id("stDataFrame"), 1, again)
    expect(card.get_by_text("tried 1 time.", exact=False)).to_be_visible(timeout=PATIENCE)
    settle(page)
    again.click()
    told(page, "1 will be applied in a moment.")
    with store_of(working_app) as store, store.reading() as session:
        entry = session.exec(select(AuditEntry).where(AuditEntry.action == "webhook.run_again")).one()
    assert (entry.actor, entry.outcome) == (ADMIN, "ok")


def kinds(app: RunningApp, platform: str) -> list[str]:
    """Kinds of a platform's deliveries that were applied, known or not."""
    with store_of(app) as store, store.reading() as session:
        of_it = select(PlatformConfig.id).where(PlatformConfig.platform == platform)
        done = (col(WebhookInbox.state).in_(("applied", "unknown")), col(WebhookInbox.config_id).in_(of_it))
        return sorted(session.exec(select(WebhookInbox.kind).where(*done)))


def test_what_registering_means_and_why_it_cannot_work_is_said_before_anybody_is_asked(working_app, visit: Visit):
    with store_of(working_app) as store, store.writing() as session:
        config = PlatformConfig(
            number=next_config_number(session),
            company_id=admin(session).company_id,
            platform="x",
            connector="x",
            name="X",
            is_active=True,
        )
        session.add(config)
    page = visit(working_app, ADMIN, "/Webhooks")
    add(page, "X account activity")
    card = card_of(page, "x")
    steps = card.get_by_text("Register the address with the app's bearer token", exact=False)
    press(card.get_by_text("How to register it by hand instead"), steps)
    for problem in ("Set the secret first", "by https only"):
        dialog = open_dialog(card.get_by_role("button", name="Register at X"))
        expect(dialog.get_by_text("No direct messages.", exact=False)).to_be_visible(timeout=PATIENCE)
        expect(dialog.get_by_text(problem, exact=False)).to_be_visible(timeout=PATIENCE)
        expect(dialog.get_by_role("button", name="Register", exact=True)).to_have_count(0)
        dialog.get_by_role("button", name="Close").click()
        expect(dialog).to_have_count(0, timeout=PATIENCE)
        with store_of(working_app) as store, store.writing() as session:
            row = session.exec(select(WebhookEndpoint).where(WebhookEndpoint.config_id == config.id)).one()
            set_secret(store.vault, row, SECRET, overlap=timedelta(0), now=datetime.now(UTC))
            session.add(row)
        page.reload()
        settle(page)


def test_a_secret_of_ours_is_shown_once(working_app, visit: Visit):
    page = visit(working_app, ADMIN, "/Webhooks")
    add(page, "Anything else (Standard Webhooks)")
    card = card_of(page, "other")
    dialog = open_dialog(card.get_by_role("button", name="Make the secret"))
    dialog.get_by_role("button", name="Make it").click()
    shown = dialog.locator("code").first
    expect(shown).to_contain_text("whsec_", timeout=PATIENCE)
    secret = shown.inner_text().strip()
    settle(page)
    page.get_by_role("button", name="I have copied it").click()
    expect(dialog).to_have_count(0, timeout=PATIENCE)
    page.reload()
    settle(page)
    assert secret not in page.content()
    address, before = address_in(card), applications(working_app)
    assert deliver("standard", address, secret, person("theirs")) == 200
    live = visit(working_app, ADMIN, "/?live=true")
    expect(metric(live, "Applications")).to_have_text(f"{before + 1}", timeout=PATIENCE)
    assert deliver("standard", address, secret, person("later")) == 200
    expect(metric(live, "Applications")).to_have_text(f"{before + 2}", timeout=PATIENCE)


def applications(app: RunningApp) -> int:
    """How many are known, whichever test delivered them."""
    with store_of(app) as store, store.reading() as session:
        return len(session.exec(select(Application.id)).all())

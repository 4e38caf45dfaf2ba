"""The screen for API keys in the browser: made and shown once, good at once, revoked at once."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.launch import RunningApp
from tests.people import ADMIN
from tests.ui.scene import Scene
from tests.ui.screens import PATIENCE, open_dialog, settle, told, write

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]
NAME = "Monthly *report* :red[x]"


def asked(app: RunningApp, key: str, path: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.get(app.url + path, headers=headers, trust_env=False, timeout=60).status_code


def test_a_key_is_made_used_and_revoked(app: RunningApp, scene: Scene, visit: Visit):
    page = visit(app, ADMIN, "/API_keys")
    dialog = open_dialog(page.get_by_role("button", name="New key"))
    dialog.get_by_role("button", name="Make the key").click()
    expect(dialog.get_by_text("Give the key a name")).to_be_visible(timeout=PATIENCE)
    write(dialog.get_by_label("What is it for?"), NAME)
    dialog.get_by_role("button", name="Make the key").click()
    expect(dialog.get_by_text("it is not shown again")).to_be_visible(timeout=PATIENCE)
    settle(page)
    key = dialog.locator("code").first.inner_text().strip()
    assert asked(app, key, "/api/analytics/dashboard") == 200
    assert asked(app, key, "/api/platform-configs") == 403
    dialog.get_by_role("button", name="I have copied it").click()
    expect(page.get_by_text(NAME)).to_be_visible(timeout=PATIENCE)
    settle(page)
    assert key not in page.content()

    open_dialog(page.get_by_role("button", name="Revoke")).get_by_role("button", name="Revoke the key").click()
    told(page, "is revoked.")
    expect(page.get_by_role("heading", name="No longer good")).to_be_visible(timeout=PATIENCE)
    assert asked(app, key, "/api/analytics/dashboard") == 401

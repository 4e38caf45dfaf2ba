"""What visitors do on the screens, in the browser."""

import csv
import io
import re
from contextlib import suppress
from datetime import date

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as NotInTime

from tests.launch import RunningApp
from tests.web.screens import fill_sign_in

PATIENCE = 60_000
TRIES = 5
ROW_HEIGHT = 36
QUIET = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def enter(page: Page, app: RunningApp, email: str, path: str = "/") -> None:
    """Signs in on the screen at `path`, and returns when it is drawn."""
    page.goto(app.url + path)
    fill_sign_in(page, email)
    expect(page.get_by_role("button", name="Sign out")).to_be_attached(timeout=PATIENCE)
    settle(page)


def show(page: Page, app: RunningApp, path: str) -> None:
    """Opens another address in the same browser."""
    page.goto(app.url + path)
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=PATIENCE)
    settle(page)


def settle(page: Page) -> None:
    """Waits until no script runs and nothing loads any more."""
    page.wait_for_selector(QUIET, timeout=PATIENCE)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=PATIENCE)


def choose(page: Page, scope: Page | Locator, label: str | re.Pattern[str], *names: str) -> None:
    """Choose each of `names` in the select box `label` within `scope`, and make sure that it stays chosen.

    A page that runs again while somebody chooses may swallow the click or what was typed: then it is done again.
    """
    box = scope.get_by_role("combobox", name=label, exact=isinstance(label, str)).first
    for name in names:
        for _ in range(TRIES):
            if _is_chosen(box, name):
                break
            box.click()
            box.fill(name)
            with suppress(NotInTime):
                page.get_by_role("option").filter(has_text=name).first.click(timeout=PATIENCE / TRIES)
            settle(page)
        else:
            raise AssertionError(f"{name} would not be chosen in {label}")
    box.press("Tab")
    settle(page)


def _is_chosen(box: Locator, name: str) -> bool:
    """One is the box's value; of several, each is a tag beside it."""
    if box.input_value() == name:
        return True
    return box.locator("xpath=ancestor::*[@data-testid='stMultiSelect']").get_by_text(name).count() > 0


def choose_row(table: Locator, number: int, then: Locator) -> None:
    """Choose the row of a table drawn on a canvas by its first box, until `then` is on the screen; row 0 is all."""
    page = table.page
    for _ in range(TRIES):
        settle(page)
        if then.is_visible():
            return
        table.locator("canvas").first.click(position={"x": 15, "y": ROW_HEIGHT * number + 15}, force=True)
        with suppress(AssertionError):
            expect(then).to_be_visible(timeout=PATIENCE / TRIES)
            return
    raise AssertionError(f"row {number} of the table would not be chosen")


def metric(page: Page, label: str) -> Locator:
    """The value on a card."""
    cards = page.get_by_test_id("stMetric")
    return cards.filter(has=page.get_by_test_id("stMetricLabel").get_by_text(label, exact=True)).get_by_test_id(
        "stMetricValue"
    )


def source_rows(page: Page) -> dict[str, tuple[str, str]]:
    """The sources on screen: count and share by label."""
    found = {}
    for row in page.locator('[class*="st-key-source_row_"]').all():
        count, share = (text.strip() for text in row.locator(".figure").all_inner_texts())
        found[row.locator(".name").inner_text().strip()] = (count, share)
    return found


def downloaded(page: Page, key: str) -> list[list[str]]:
    """The CSV behind a download button, parsed."""
    with page.expect_download() as waiting:
        page.locator(f".st-key-{key} button").click()
    path = waiting.value.path()
    with path.open("rb") as file:
        data = file.read()
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def runs(page: Page) -> int:
    """How many times the whole page has run for this visitor."""
    held = page.locator('[class*="st-key-page_run_"]').first.get_attribute("class") or ""
    found = re.search(r"st-key-page_run_(\d+)", held)
    assert found, held
    return int(found.group(1))


def query(start: date, end: date, platforms: list[str]) -> str:
    """The address of the dashboard narrowed to these days and platforms."""
    parts = [
        "period=Custom",
        f"from={start}",
        f"to={end}",
        *(f"platform={label.replace(' ', '+')}" for label in platforms),
    ]
    return "/?" + "&".join(parts)

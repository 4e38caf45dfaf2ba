"""What visitors do on the screens, in the browser."""

import csv
import io
import re
import time
from contextlib import suppress
from datetime import date

from playwright.sync_api import Error as BrowserError
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as NotInTime

from tests.launch import RunningApp
from tests.web.screens import fill_sign_in

PATIENCE = 120_000
TRIES = 8
ROW_HEIGHT = 36
#: Runs in every page before it does: notes when the server was asked and heard last, and what toasts have said.
_WATCH = """
(() => {
  if (window.watched) return;
  const watched = (window.watched = { asked: 0, heard: 0, again: 0, toasts: [] });
  const sockets = new WeakSet();
  // The first of a message's fields that says which kind it is: [4, 0] a run begins, [6, 2] it ended to begin anew.
  const kind = (bytes) => {
    let at = 0;
    const number = () => {
      let value = 0;
      for (let unit = 1; at < bytes.length; unit *= 128) {
        const byte = bytes[at++];
        value += (byte & 127) * unit;
        if (byte < 128) break;
      }
      return value;
    };
    while (at < bytes.length) {
      const tag = number();
      const held = number();
      if (tag >> 3 === 4 || tag >> 3 === 6) return [tag >> 3, held];
      if ((tag & 7) === 2) at += held;
    }
    return [0, 0];
  };
  const hear = ({ data }) => {
    watched.heard = performance.now();
    const [field, held] = data instanceof ArrayBuffer ? kind(new Uint8Array(data)) : [0, 0];
    if (field === 4) watched.again = 0;
    if (field === 6 && held === 2) watched.again = watched.heard;
  };
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (...what) {
    if (!sockets.has(this)) {
      sockets.add(this);
      this.addEventListener("message", hear);
    }
    watched.asked = performance.now();
    return send.apply(this, what);
  };
  new MutationObserver(() => {
    for (const toast of document.querySelectorAll("[data-testid=stToast]")) {
      const said = toast.textContent;
      if (!watched.toasts.includes(said)) watched.toasts.push(said);
    }
  }).observe(document, { childList: true, subtree: true, characterData: true });
})();
"""
#: Whether the page is at rest, three times in a row: what it asked is answered, no script runs or is about to run
#: again, nothing loads. What was not answered for very long was no question.
_AT_REST = """
async () => {
  const resting = () => {
    const app = document.querySelector("[data-testid=stApp]");
    const { asked, heard, again } = window.watched || { asked: 0, heard: 0, again: 0 };
    const now = performance.now();
    return app !== null && app.dataset.testScriptState === "notRunning"
      && (heard >= asked || now - asked > 20000)
      && (again === 0 || now - again > 20000)
      && document.querySelector("[data-testid=stSkeleton]") === null;
  };
  for (let turn = 0, calm = 0; turn < 50; turn++) {
    calm = resting() ? calm + 1 : 0;
    if (calm === 3) return true;
    await new Promise((wake) => setTimeout(wake, 20));
  }
  return false;
}
"""


def watch(page: Page) -> None:
    """Before its first address: lets `settle` and `told` know what the page asks and says."""
    page.add_init_script(_WATCH)


def enter(page: Page, app: RunningApp, email: str, path: str = "/") -> None:
    """Signs in on the screen at `path`, and returns when it is drawn."""
    watch(page)
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
    """Waits until whatever was done so far has been answered, no script runs and nothing loads any more."""
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline:
        try:
            if page.evaluate(_AT_REST):
                return
        except BrowserError:
            # The page was left while it was asked.
            page.wait_for_timeout(20)
    raise AssertionError(f"{page.url} never came to rest")


def choose(page: Page, scope: Page | Locator, label: str | re.Pattern[str], *names: str) -> None:
    """Choose each of `names` in the select box `label` within `scope`, and make sure that it stays chosen.

    A page that runs again while somebody chooses may swallow the click or what was typed: then it is done again.
    """
    box = scope.get_by_role("combobox", name=label, exact=isinstance(label, str)).first
    for name in names:
        for _ in range(TRIES):
            settle(page)
            if _is_chosen(box, name):
                break
            with suppress(NotInTime):
                box.click(timeout=PATIENCE / TRIES)
                box.fill(name, timeout=PATIENCE / TRIES)
                page.get_by_role("option").filter(has_text=name).first.click(timeout=PATIENCE / TRIES)
            # What was typed and not chosen goes with the focus, so that it is not taken for chosen.
            box.press("Tab")
            settle(page)
        assert _is_chosen(box, name), f"{name} would not be chosen in {label}"


def _is_chosen(box: Locator, name: str) -> bool:
    """One is the box's value; of several, each is a tag beside it."""
    if box.input_value() == name:
        return True
    return box.locator("xpath=ancestor::*[@data-testid='stMultiSelect']").get_by_text(name).count() > 0


def write(field: Locator, text: str) -> None:
    """Type into a field and leave it, and make sure that the text stands there once the page is at rest."""
    for _ in range(TRIES):
        settle(field.page)
        field.fill(text)
        field.press("Tab")
        settle(field.page)
        if field.input_value() == text:
            return
    raise AssertionError(f"{text!r} would not stay in a field")


def press(button: Locator, then: Locator) -> Locator:
    """Press what only opens something, until `then` is on the screen. Returns `then`, at rest.

    For what changes anything, `settle` and click: once is enough there, and twice may be too much.
    """
    for _ in range(TRIES):
        settle(button.page)
        if then.first.is_visible():
            return then
        with suppress(NotInTime, AssertionError):
            button.click(timeout=PATIENCE / TRIES)
            expect(then.first).to_be_visible(timeout=PATIENCE / TRIES)
    settle(button.page)
    expect(then.first).to_be_visible()
    return then


def open_dialog(button: Locator) -> Locator:
    """Press a button that opens a dialog. Returns the dialog, at rest."""
    return press(button, button.page.get_by_role("dialog"))


def pick(menu: Locator, entry: str) -> None:
    """Open a menu and click on an entry of it, once."""
    page = menu.page
    found = page.get_by_role("menuitem", name=entry).or_(page.get_by_role("option", name=entry)).first
    for _ in range(TRIES):
        press(menu, found)
        with suppress(NotInTime):
            found.click(timeout=PATIENCE / TRIES)
            settle(page)
            return
    raise AssertionError(f"{entry} could not be picked")


def told(page: Page, words: str | re.Pattern[str]) -> None:
    """Waits until a toast has said it, in this page and since it was opened; it may be gone again."""
    deadline = time.monotonic() + PATIENCE / 1000
    said: list[str] = []
    while time.monotonic() < deadline:
        with suppress(BrowserError):
            said = page.evaluate("window.watched.toasts")
        if any(re.search(words, one) if isinstance(words, re.Pattern) else words in one for one in said):
            settle(page)
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{words} was not told, but {said}; on the screen: {page.locator('body').inner_text()}")


def choose_row(table: Locator, number: int, then: Locator) -> None:
    """Choose the row of a table drawn on a canvas by its first box, until `then` is on the screen; row 0 is all."""
    for _ in range(TRIES):
        settle(table.page)
        if then.is_visible():
            return
        with suppress(NotInTime, AssertionError):
            place = {"x": 15, "y": ROW_HEIGHT * number + 15}
            table.locator("canvas").first.click(position=place, force=True, timeout=PATIENCE / TRIES)
            expect(then).to_be_visible(timeout=PATIENCE / TRIES)
    settle(table.page)
    expect(then).to_be_visible()


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
    return list(csv.reader(io.StringIO(saved(page, key).decode("utf-8-sig"), newline="")))


def saved(page: Page, key: str) -> bytes:
    """The file behind a download button."""
    settle(page)
    with page.expect_download() as waiting:
        page.locator(f".st-key-{key} button").click()
    return waiting.value.path().read_bytes()


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

"""The import screen in a real browser: drop, map, preview, import, undo."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import Session, select

from settings import load
from store.engine import open_engine
from store.tables import Application, RawFact
from tests.actions.import_scenes import APPLICATIONS, METRICS, workbook
from tests.launch import RunningApp, running_app
from tests.people import ADMIN, MANAGER, seed_data_dir
from tests.ui.screens import PATIENCE, choose, metric, press, settle

pytestmark = pytest.mark.browser
# Only patience: a busy machine draws late, and nothing here waits for time to pass.
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def import_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The product over an empty company."""
    folder = tmp_path_factory.mktemp("imports")
    seed_data_dir(folder)
    with running_app(data_dir=folder) as running:
        yield running


@pytest.fixture
def screen(import_app: RunningApp, visit: Callable[..., Page]) -> Page:
    """The import screen, as an admin."""
    return visit(import_app, ADMIN, "/Import")


def drop(page: Page, name: str, content: bytes) -> None:
    """Gives the screen a file."""
    page.locator('input[type="file"]').set_input_files({"name": name, "mimeType": "text/csv", "buffer": content})
    expect(page.get_by_role("button", name="Preview")).to_be_visible()
    settle(page)


def go_on(page: Page, name: str) -> None:
    """Presses a button and waits for what it does."""
    settle(page)
    page.get_by_role("button", name=name).click()
    settle(page)


def stored(app: RunningApp, table: type) -> int:
    """Rows in the app's database."""
    engine = open_engine(load({"DATA_DIR": str(app.data_dir)}).url)
    try:
        with Session(engine) as session:
            return len(session.exec(select(table)).all())
    finally:
        engine.dispose()


def undo(page: Page, name: str) -> None:
    """Takes the newest import of a file back."""
    line = page.locator('[class*="st-key-import_"]').filter(has_text=name).filter(has_text="Undo").last
    press(line.get_by_role("button", name="Undo"), page.get_by_role("button", name="Undo this import")).click()
    expect(page.get_by_text(f"{name} was undone")).to_be_visible()
    settle(page)


def test_a_metrics_file_is_previewed_imported_and_undone(screen, import_app):
    drop(screen, "indeed.csv", METRICS.encode())
    go_on(screen, "Preview")
    expect(metric(screen, "New")).to_have_text("8")
    expect(metric(screen, "Rows rejected")).to_have_text("1")
    assert stored(import_app, RawFact) == 0
    go_on(screen, "Import 8 numbers")
    expect(screen.get_by_text("8 new, 0 changed").first).to_be_visible()
    assert stored(import_app, RawFact) > 8
    undo(screen, "indeed.csv")
    assert stored(import_app, RawFact) == 0


def test_an_export_of_applications_is_recognised_and_imported(screen, import_app):
    drop(screen, "ats.csv", APPLICATIONS.encode())
    go_on(screen, "Preview")
    expect(metric(screen, "New")).to_have_text("3")
    expect(screen.get_by_text("Postings we do not know yet.")).to_be_visible()
    go_on(screen, "Import 3 applications")
    expect(screen.get_by_text("3 new, 0 changed").first).to_be_visible()
    assert stored(import_app, Application) == 3


def test_a_workbook_is_read_and_a_missing_platform_is_asked_for(screen, tmp_path: Path):
    rows = [["Date", "Clicks"], [date(2026, 2, 1), 12], [date(2026, 2, 2), "1,300"]]
    drop(screen, "board.xlsx", workbook(rows).content)
    go_on(screen, "Preview")
    expect(screen.get_by_text("Say which platform the numbers come from.")).to_be_visible()
    settle(screen)
    choose(screen, screen, "Platform", "Monster")
    go_on(screen, "Preview")
    expect(metric(screen, "New")).to_have_text("2")


def test_a_file_that_is_no_table_is_refused_in_words(screen):
    page_file = {"name": "report.csv", "mimeType": "text/csv", "buffer": b"<html><b>Sign in</b></html>"}
    screen.locator('input[type="file"]').set_input_files(page_file)
    expect(screen.get_by_text("This is a web page, not a table")).to_be_visible()


def test_a_hiring_manager_is_refused(import_app, visit):
    page = visit(import_app, MANAGER, "/")
    page.goto(import_app.url + "/Import")
    expect(page.get_by_text("You are not allowed to see this page")).to_be_visible()
    expect(page.locator('input[type="file"]')).to_have_count(0)

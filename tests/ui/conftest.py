"""One company with known numbers, one app that shows them, and one browser for all tests of this folder."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.find_chromium import launch_arguments
from tests.launch import RunningApp, running_app
from tests.ui.scene import Scene, seed_scene
from tests.ui.screens import PATIENCE, enter, show, watch

# Five seconds, as Playwright has it, are few for a page on a busy machine.
expect.set_options(timeout=PATIENCE)


@pytest.fixture
def database_kind() -> str:
    """Screens ask reports, which are tried on both databases: here one is enough."""
    return "sqlite"


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """The machine's Chromium."""
    return launch_arguments()


@pytest.fixture(scope="session")
def scene_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the seeded database."""
    return tmp_path_factory.mktemp("screens")


@pytest.fixture(scope="session")
def scene(scene_dir: Path) -> Scene:
    """A company with a year of known aggregates, one failed connection and one without numbers."""
    return seed_scene(scene_dir)


@pytest.fixture(scope="session")
def app(scene: Scene) -> Iterator[RunningApp]:
    """The product over the seeded company, without workers, so that nothing changes by itself."""
    with running_app(data_dir=scene.data_dir) as running:
        yield running


@pytest.fixture(scope="session")
def _cookies() -> dict[tuple[str, str], Any]:
    """Sign-in is slow on purpose: each person does it once an app."""
    return {}


@pytest.fixture
def visit(browser: Browser, _cookies: dict[tuple[str, str], Any]) -> Iterator[Callable[..., Page]]:
    """Call it with an app and an e-mail for the page of a browser in which that person is signed in."""
    contexts: list[BrowserContext] = []

    def open_page(app: RunningApp, email: str, path: str = "/", **options: Any) -> Page:
        key = (app.url, email)
        if key not in _cookies:
            context = browser.new_context()
            enter(context.new_page(), app, email)
            _cookies[key] = context.storage_state()
            context.close()
        contexts.append(browser.new_context(storage_state=_cookies[key], **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        watch(page)
        show(page, app, path)
        return page

    yield open_page
    for context in contexts:
        context.close()

"""One company with known numbers, one app that shows them, and one browser for all tests of this folder."""

import sys
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


@pytest.fixture(autouse=True)
def _own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit makes a script it runs the program itself: processes of later tests would begin by running it."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


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
def _profiles(browser: Browser) -> Iterator[dict[tuple[str, ...], BrowserContext]]:
    """Browser profiles by app, person and kind of screen: signing in is slow on purpose, and so is loading scripts."""
    kept: dict[tuple[str, ...], BrowserContext] = {}
    yield kept
    for profile in kept.values():
        profile.close()


@pytest.fixture
def visit(browser: Browser, _profiles: dict[tuple[str, ...], BrowserContext]) -> Iterator[Callable[..., Page]]:
    """Call it with an app and an e-mail for the page of a browser in which that person is signed in."""
    opened: list[Page] = []

    def profile_of(app: RunningApp, email: str, **options: Any) -> BrowserContext:
        key = (app.url, email, *(f"{name}={value}" for name, value in sorted(options.items())))
        if key in _profiles:
            return _profiles[key]
        signed_in = profile_of(app, email).storage_state() if options else None
        profile = browser.new_context(storage_state=signed_in, **options)
        profile.set_default_timeout(PATIENCE)
        if not options:
            page = profile.new_page()
            enter(page, app, email)
            page.close()
        # Kept once it is signed in: where that fails, it fails the test that asked, and the next one tries anew.
        _profiles[key] = profile
        return profile

    def open_page(app: RunningApp, email: str, path: str = "/", **options: Any) -> Page:
        page = profile_of(app, email, **options).new_page()
        opened.append(page)
        watch(page)
        show(page, app, path)
        return page

    yield open_page
    for page in opened:
        page.close()

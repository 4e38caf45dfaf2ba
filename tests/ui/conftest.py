"""One company with known numbers, one app that shows them, and one browser for all tests of this folder."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.find_chromium import launch_arguments
from tests.launch import RunningApp, running_app
from tests.ui.scene import Scene, seed_scene


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


@pytest.fixture
def new_visitor(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Call it for a fresh browser profile's page."""
    contexts: list[BrowserContext] = []

    def visit(**options: Any) -> Page:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        return page

    yield visit
    for context in contexts:
        context.close()

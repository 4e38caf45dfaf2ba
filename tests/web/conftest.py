"""One app with people in it and one browser for all tests of this folder."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.find_chromium import launch_arguments
from tests.launch import RunningApp, running_app
from tests.people import seed_data_dir
from tests.web.screens import PATIENCE

# Five seconds, as Playwright has it, are few for a page on a busy machine.
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """The machine's Chromium."""
    return launch_arguments()


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """An app with two companies' people, no connections and no workers."""
    data_dir = tmp_path_factory.mktemp("web")
    seed_data_dir(data_dir)
    with running_app(data_dir=data_dir) as running:
        yield running


@pytest.fixture
def new_visitor(browser: Browser) -> Iterator[Callable[[], Page]]:
    """Call it for a fresh browser profile's page."""
    contexts: list[BrowserContext] = []

    def visit() -> Page:
        contexts.append(browser.new_context())
        contexts[-1].set_default_timeout(PATIENCE)
        return contexts[-1].new_page()

    yield visit
    for context in contexts:
        context.close()

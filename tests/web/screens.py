"""What visitors do on the entrance, in the browser."""

from playwright.sync_api import Page, expect

from tests.people import PASSWORD

PATIENCE = 120_000
_DRAWN = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def fill_sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    """Fills the form on screen and presses its button."""
    fill(page, {"E-mail": email, "Password": password})
    page.get_by_role("button", name="Sign in").click(timeout=PATIENCE)


def fill(page: Page, values: dict[str, str]) -> None:
    """Fills a form's fields, by their labels, once it is drawn: what is typed into a page that runs may be lost."""
    page.wait_for_selector(_DRAWN, timeout=PATIENCE)
    for label, value in values.items():
        page.get_by_label(label, exact=True).fill(value, timeout=PATIENCE)
    for label, value in values.items():
        expect(page.get_by_label(label, exact=True)).to_have_value(value, timeout=PATIENCE)


def sign_in(page: Page, url: str, email: str, password: str = PASSWORD) -> None:
    """Opens `url`, signs in, and returns when the page behind is drawn."""
    page.goto(url)
    fill_sign_in(page, email, password)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible(timeout=PATIENCE)
    page.wait_for_selector(_DRAWN, timeout=PATIENCE)

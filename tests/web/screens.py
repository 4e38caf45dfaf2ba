"""What visitors do on the entrance, in the browser."""

from playwright.sync_api import Page, expect

from tests.people import PASSWORD

PATIENCE = 60_000


def fill_sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    """Fills the form on screen and presses its button."""
    page.get_by_label("E-mail", exact=True).fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def sign_in(page: Page, url: str, email: str, password: str = PASSWORD) -> None:
    """Opens `url`, signs in, and returns when the page behind stands there."""
    page.goto(url)
    fill_sign_in(page, email, password)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible(timeout=PATIENCE)

"""Every page, for every role: strangers get the sign-in form and nothing else, roles are kept, deep links included."""

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import col, select
from streamlit.source_util import page_icon_and_name

from domain.platforms import PLATFORMS
from settings import load
from store.opening import attach_store
from store.tables import AuditEntry, Company, PlatformConfig
from tests.launch import ROOT, RunningApp
from tests.people import ADMIN, MANAGER, OUTSIDER
from tests.web.streams import Heard, open_stream, run_page, session_cookie

FILES = [ROOT / "Home.py", *sorted((ROOT / "pages").glob("*.py"))]
CANARY = "Quokka Boards 4711"
REFUSED = "You are not allowed to see this page"


def _first_call(file: Path) -> ast.Call:
    """The first thing a page does after its imports."""
    body: list[ast.stmt] = ast.parse(file.read_text("utf-8")).body
    if file.name == "Home.py":
        branch = next(node for node in body if isinstance(node, ast.If))
        body = branch.orelse
    imports = (ast.Import, ast.ImportFrom)
    is_docstring = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    first = next(node for node in body[is_docstring:] if not isinstance(node, imports))
    value = getattr(first, "value", None)
    assert isinstance(value, ast.Call), f"{file.name} must begin with shell.begin(...)"
    return value


def _is_for_admins(file: Path) -> bool:
    call = _first_call(file)
    roles = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "role")]
    return bool(roles) and ast.unparse(roles[0]) in {"ADMIN", "'admin'", "viewer.ADMIN"}


ADMIN_FILES = [file for file in FILES if _is_for_admins(file)]
pages = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
admin_pages = pytest.mark.parametrize("file", ADMIN_FILES, ids=lambda file: file.stem)


@pytest.fixture(scope="module", autouse=True)
def _connected(app: RunningApp) -> None:
    """Acme has a connection with a name nobody else would say."""
    store = attach_store(load({"DATA_DIR": str(app.data_dir)}))
    with store.writing() as session:
        company = session.exec(select(Company).where(col(Company.name) == "Acme")).one()
        config = PlatformConfig(number=9001, company_id=company.id, platform="indeed", connector="indeed", name=CANARY)
        config.synced_at = datetime.now(UTC)
        session.add(config)
    store.close()


def _see(app: RunningApp, file: Path, email: str = "") -> Heard:
    name = "" if file.name == "Home.py" else page_icon_and_name(file)[1]
    with open_stream(app, cookie=session_cookie(app, email) if email else "sourceboard-visit=v") as stream:
        return run_page(stream, name)


@pages
def test_every_page_begins_with_the_guard(file: Path) -> None:
    assert ast.unparse(_first_call(file).func) == "shell.begin"


@pages
def test_a_stranger_gets_the_sign_in_form_and_not_one_name(app: RunningApp, file: Path) -> None:
    heard = _see(app, file)
    assert "Sign in" in heard.everything
    forbidden = [CANARY, "Acme", *(platform.label for platform in PLATFORMS if len(platform.label) > 3)]
    assert not [word for word in forbidden if word in heard.everything]


@pages
def test_an_admin_sees_every_page(app: RunningApp, file: Path) -> None:
    heard = _see(app, file, ADMIN)
    assert "Acme" in heard.everything
    assert REFUSED not in heard.everything


@pages
def test_another_company_sees_nothing_of_ours(app: RunningApp, file: Path) -> None:
    heard = _see(app, file, OUTSIDER)
    assert "Other" in heard.everything
    assert CANARY not in heard.everything
    assert "Acme" not in heard.everything


@pages
def test_a_hiring_manager_sees_what_is_not_for_admins(app: RunningApp, file: Path) -> None:
    is_refused = REFUSED in _see(app, file, MANAGER).everything
    assert is_refused == (file in ADMIN_FILES)


@admin_pages
def test_a_refusal_shows_nothing_and_is_written_down(app: RunningApp, file: Path) -> None:
    heard = _see(app, file, MANAGER)
    assert CANARY not in heard.everything
    store = attach_store(load({"DATA_DIR": str(app.data_dir)}))
    with store.reading() as session:
        last = session.exec(select(AuditEntry).order_by(col(AuditEntry.seq).desc()).limit(1)).one()
    store.close()
    assert (last.action, last.outcome, last.actor) == ("page.open", "denied", MANAGER)


def test_the_canary_is_really_there_to_be_found(app: RunningApp) -> None:
    assert any(CANARY in _see(app, file, ADMIN).everything for file in FILES)

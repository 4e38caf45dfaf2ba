"""Who imports whom: the table in docs/architecture.md, read from the sources themselves."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"actions", "api", "bench", "connectors", "domain", "jobs", "logs", "pages", "sandbox", "server", "settings"} | {
    "store",
    "ui",
    "Home",
    "manage",
    "demonstration",
    "tests",
}
#: What says of connectors what they offer and ask for: nothing of how they read.
SPECS = {f"connectors.{name}" for name in ("contract", "errors", "publishing", "registry")} | {
    f"connectors.webhooks.{name}" for name in ("contract", "registering", "registrars", "registry")
}
#: Folder → what of ours it may import. A dotted name allows that module and what lies below it.
ALLOWED: dict[str, set[str]] = {
    "domain": set(),
    "connectors": {"domain"},
    "store": {"domain", "logs"},
    "jobs": {"connectors", "store", "domain", "settings", "logs"},
    "actions": {"store", "domain", "connectors", "jobs.enqueue", "jobs.tokens", "settings"},
    "api": {"actions", "store.reports", "domain", "settings"} | SPECS,
    "ui": {"actions", "store.reports", "domain", "settings"} | SPECS,
    "pages": {"ui", "actions", "store.reports", "domain", "settings"} | SPECS,
    "Home.py": {"ui", "actions", "store.reports", "domain", "settings", "server"} | SPECS,
    "sandbox": set(),
    "settings.py": set(),
    "logs.py": {"domain"},
}
#: Types and sessions that whoever calls a report or an action holds in hand.
HANDED_AROUND = {"store.opening", "store.engine", "store.tables", "store.errors", "actions.viewer"}
#: Libraries a folder must do without.
FORBIDDEN: dict[str, set[str]] = {
    "connectors": {"streamlit", "sqlmodel", "sqlalchemy"},
    "store": {"streamlit", "httpx"},
    "jobs": {"streamlit"},
    "actions": {"streamlit"},
    "api": {"streamlit"},
    "pages": {"httpx", "sqlmodel", "sqlalchemy", "threading", "pandas"},
    "sandbox": {"streamlit", "sqlmodel", "sqlalchemy"},
}
DOMAIN_MAY = {"pydantic"} | set(sys.stdlib_module_names)


def _files(part: str) -> list[Path]:
    if part.endswith(".py"):
        return [ROOT / part]
    return [path for path in sorted((ROOT / part).rglob("*.py")) if "__pycache__" not in path.parts]


def imports_of(source: str) -> Iterator[tuple[int, str]]:
    """Every imported module's dotted name with its line, those inside functions and type checks included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def _is_within(name: str, allowed: set[str]) -> bool:
    return any(name == each or name.startswith(each + ".") for each in allowed)


def wrong_arrows(part: str, source: str) -> list[str]:
    """What a source in `part` imports of ours without being allowed to."""
    allowed = ALLOWED[part] | {part.removesuffix(".py")}
    if part in {"api", "ui", "actions", "jobs"}:
        allowed = allowed | HANDED_AROUND
    return [
        f"line {line}: {name}"
        for line, name in imports_of(source)
        if name.partition(".")[0] in OURS and not _is_within(name, allowed)
    ]


@pytest.mark.parametrize("part", sorted(ALLOWED))
def test_it_imports_only_what_lies_below_it(part: str) -> None:
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in _files(part)
        if (found := wrong_arrows(part, path.read_text("utf-8")))
    }
    assert not wrong


@pytest.mark.parametrize("part", sorted(FORBIDDEN))
def test_it_does_without_libraries_that_are_not_its_business(part: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in _files(part)
        for line, name in imports_of(path.read_text("utf-8"))
        if name.partition(".")[0] in FORBIDDEN[part]
    ]
    assert not wrong


def test_the_domain_needs_nothing_but_python_and_pydantic() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in _files("domain")
        for line, name in imports_of(path.read_text("utf-8"))
        if name.partition(".")[0] not in DOMAIN_MAY | {"domain"}
    ]
    assert not wrong


def test_only_the_settings_read_the_environment() -> None:
    allowed = {"settings.py", "manage.py"}
    wrong = [
        str(path.relative_to(ROOT))
        for part in ALLOWED
        if part != "sandbox"
        for path in _files(part)
        if path.name not in allowed and any(word in path.read_text("utf-8") for word in ("os.environ", "os.getenv"))
    ]
    assert not wrong


def test_every_folder_of_ours_is_in_the_table() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert folders <= set(ALLOWED)


def test_a_wrong_arrow_is_found() -> None:
    assert wrong_arrows("domain", "def f():\n    from store import engine\n") == ["line 2: store.engine"]
    assert wrong_arrows("connectors", "import jobs.sync") == ["line 1: jobs.sync"]
    assert wrong_arrows("ui", "from connectors import http") == ["line 1: connectors.http"]
    assert wrong_arrows("actions", "from jobs import worker") == ["line 1: jobs.worker"]
    assert wrong_arrows("actions", "from jobs.enqueue import request_sync") == []
    assert wrong_arrows("sandbox", "from domain.metrics import METRICS") != []

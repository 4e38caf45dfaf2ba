"""One sandbox for all tests of connectors, as new before each; and the table of what each connector passed."""

import pytest

from sandbox.launch import Sandbox
from tests.connectors.rig import forget_tokens

_RESULTS = pytest.StashKey[dict[tuple[str, str], str]]()


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Sandbox:
    """The sandbox without faults, tokens and log of the test before."""
    sandbox_process.reset()
    forget_tokens()
    return sandbox_process


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if item.path.name.startswith("test_conformance") and (report.when == "call" or report.outcome == "skipped"):
        key = getattr(item, "callspec", None) and item.callspec.params.get("key")
        if key:
            results = item.config.stash.setdefault(_RESULTS, {})
            rule = item.originalname.removeprefix("test_").removeprefix("it_").replace("_", " ")
            outcome = {"passed": "yes", "failed": "NO", "skipped": "-"}[report.outcome]
            known = results.get((rule, key), outcome)
            results[rule, key] = "NO" if "NO" in (known, outcome) else outcome if outcome != "-" else known
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    results = terminalreporter.config.stash.get(_RESULTS, {})
    if not results:
        return
    keys = sorted({key for _, key in results})
    terminalreporter.section("conformance")
    terminalreporter.write_line(f"{'':64}" + "".join(f"{key:>18}" for key in keys))
    for rule in dict.fromkeys(rule for rule, _ in results):
        cells = "".join(f"{results.get((rule, key), '-'):>18}" for key in keys)
        terminalreporter.write_line(f"{rule[:63]:64}{cells}")

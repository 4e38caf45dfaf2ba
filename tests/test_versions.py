"""What gets installed: nothing older than its last known hole, every file with its hash, from whatever index is set."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = ("requirements.txt", "requirements-dev.txt")
#: The oldest version without known holes, or without a bug that we cannot live with, and which one that is.
FLOORS = {
    "streamlit": ("1.62", "malformed frames told tracebacks (#16391); allowedHosts came with 1.61"),
    "starlette": ("1.0.1", "CVE-2026-48710"),
    "python-multipart": ("0.0.26", "CVE-2026-40347"),
    "httpx": ("0.23", "CVE-2021-41945"),
    "h11": ("0.16", "CVE-2025-43859"),
    "cryptography": ("48.0.1", "GHSA-537c-gmf6-5ccf"),
    "pyjwt": ("2.15", "CVE-2022-29217 and those of 2026"),
}
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", re.M)


def numbers(text: str) -> tuple[int, ...]:
    """A release's numbers, for comparing."""
    return tuple(int(part) for part in re.findall(r"\d+", text.split("+")[0])[:3])


def pins(file: str) -> dict[str, str]:
    """Version by name."""
    return {name.lower().replace("_", "-"): pinned for name, pinned in _PIN.findall((ROOT / file).read_text("utf-8"))}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("package", FLOORS)
def test_no_version_with_a_known_hole_is_pinned(file: str, package: str) -> None:
    floor, reason = FLOORS[package]
    assert numbers(pins(file)[package]) >= numbers(floor), reason


@pytest.mark.parametrize("package", FLOORS)
def test_what_is_installed_is_what_is_pinned(package: str) -> None:
    assert version(package) == pins("requirements.txt")[package]


@pytest.mark.parametrize("file", FILES)
def test_every_package_is_pinned_with_a_hash(file: str) -> None:
    lines = (ROOT / file).read_text("utf-8").replace("\\\n", " ").splitlines()
    wanted = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    assert len(wanted) > 40
    assert [line[:60] for line in wanted if "==" not in line or "--hash=sha256:" not in line] == []


@pytest.mark.parametrize("file", [*FILES, "requirements.in", "requirements-dev.in"])
def test_no_file_says_where_packages_come_from(file: str) -> None:
    lines = (ROOT / file).read_text("utf-8").splitlines()
    told = [line for line in lines if not line.lstrip().startswith("#")]
    words = ("index-url", "find-links", "trusted-host", "://", "file:")
    assert [line for line in told if any(word in line for word in words)] == []


def test_development_installs_the_very_versions_of_the_product() -> None:
    product, development = pins("requirements.txt"), pins("requirements-dev.txt")
    assert {name: development.get(name) for name in product} == product


def test_versions_compare_as_numbers() -> None:
    assert numbers("1.10.0") > numbers("1.9.9") > numbers("1.0.1") > numbers("0.49")

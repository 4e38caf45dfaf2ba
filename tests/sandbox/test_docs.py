"""docs/sandbox.md names everything the control API and the fault plan offer."""

import re

import pytest

from sandbox.control import ACCESS, GRANTS, routes
from sandbox.faults import KINDS, STEP_FIELDS
from sandbox.launch import ROOT


@pytest.fixture(scope="module")
def text():
    return (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")


def test_every_kind_and_part_of_a_fault_is_explained(text):
    faults = text.partition("## Faults")[2]

    assert set(re.findall(r"`([a-z0-9_]+)`", faults)) >= KINDS | (STEP_FIELDS - {"kind"})


def test_every_control_call_is_listed(text, world):
    mount = routes(world)[0]
    offered = {f"{method} {route.path}" for route in mount.routes for method in route.methods - {"HEAD"}}
    section = text.partition("## Control API")[2].partition("\n## ")[0]

    assert {" ".join(found) for found in re.findall(r"`(GET|POST|DELETE) (/[a-z.]+)", section)} == offered


def test_everything_that_can_be_revoked_is_named(text):
    assert all(name in text for name in GRANTS | ACCESS.keys())

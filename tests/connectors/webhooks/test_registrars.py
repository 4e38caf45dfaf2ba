"""Every platform that delivers either takes addresses by API or says how it is done by hand; and which addresses."""

import re
from pathlib import Path

import pytest

from connectors.registry import CONNECTORS
from connectors.webhooks.registering import problem_with
from connectors.webhooks.registrars import REGISTRARS, find_registrar
from connectors.webhooks.registry import RECEIVERS

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "webhooks.md").read_text("utf-8")


@pytest.mark.parametrize("platform", RECEIVERS)
def test_each_sender_registers_by_a_button_or_says_that_it_is_done_by_hand(platform):
    told = re.search(rf"^\| `{platform}` \| (by hand|by button) \|", DOCUMENT, re.MULTILINE)
    assert told is not None
    assert (told[1] == "by button") == (platform in REGISTRARS)
    steps = RECEIVERS[platform].steps
    assert steps
    assert all(step[0].isupper() and step.endswith(".") for step in steps)


@pytest.mark.parametrize("platform", REGISTRARS)
def test_a_registrar_speaks_through_a_connector_of_its_platform(platform):
    kind = REGISTRARS[platform]
    connector = CONNECTORS[kind.connector]
    assert (kind.platform, connector.platform) == (platform, platform)
    assert kind.effects
    assert all(effect.endswith(".") for effect in kind.effects)
    assert find_registrar(platform, kind.connector) is kind
    for question in kind.questions:
        assert question.label
        assert re.compile(question.pattern)


def test_a_connection_of_another_connector_does_not_speak_for_an_address():
    assert find_registrar("linkedin", "lix") is None
    assert find_registrar("x", "") is None
    assert find_registrar("indeed", "indeed") is None


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("https://hiring.acme.com/api/webhooks/x/1", ""),
        ("https://93.184.216.34/api/webhooks/x/1", ""),
        ("http://hiring.acme.com/api/webhooks/x/1", "https only"),
        ("https://localhost/api/webhooks/x/1", "from outside"),
        ("https://hiring/api/webhooks/x/1", "from outside"),
        ("https://hiring.internal./api/webhooks/x/1", "from outside"),
        ("https://10.1.2.3/api/webhooks/x/1", "from outside"),
        ("https://[::1]/api/webhooks/x/1", "from outside"),
        ("https://hiring.acme.com:8443/api/webhooks/x/1", "with a port"),
        ("", "https only"),
    ],
)
def test_an_address_is_judged_before_the_platform_is_asked(address, words):
    said = problem_with(address, REGISTRARS["x"], is_sandbox=False)
    assert (words in said) if words else said == ""


def test_the_sandbox_calls_this_machine_alone():
    kind = REGISTRARS["x"]
    assert problem_with("http://127.0.0.1:8501/hook", kind, is_sandbox=True) == ""
    assert problem_with("https://hiring.acme.com/hook", kind, is_sandbox=True) != ""

"""Reading SOAP: hostile XML is refused before it costs anything."""

import tracemalloc
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

import httpx
import pytest

from connectors.answers import Answer
from connectors.errors import ConfigError, Rejected, SchemaDrift, Transient
from connectors.monster import Monster
from connectors.soap import attribute, element, envelope, read_body, texts

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OPEN = '<E:Envelope xmlns:E="http://schemas.xmlsoap.org/soap/envelope/"><E:Body>'
CLOSE = "</E:Body></E:Envelope>"


def answer(text: str, status: int = 200) -> Answer:
    return Answer(status, httpx.Headers({"content-type": "text/xml"}), text.encode(), "https://gateway.monster.com")


def laughs(levels: int = 12) -> str:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, levels))
    return f'<!DOCTYPE x [<!ENTITY l0 "ha">{entities}]>{OPEN}&l{levels - 1};{CLOSE}'


def external(target: str) -> str:
    return f'<!DOCTYPE x [<!ENTITY secret SYSTEM "{target}">]>{OPEN}<a>&secret;</a>{CLOSE}'


@pytest.mark.parametrize(
    "text",
    [
        laughs(),
        f'<!DOCTYPE x [<!ENTITY big "{"x" * 100_000}">]>{OPEN}{"&big;" * 1_000}{CLOSE}',
        external("file:///etc/passwd"),
        external("http://127.0.0.1:9/beacon"),
        f'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">{OPEN}<a/>{CLOSE}',
        f'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>{OPEN}<a/>{CLOSE}',
        f"<!DOCTYPE x>{OPEN}<a/>{CLOSE}",
    ],
    ids=["laughs", "quadratic", "file", "beacon", "external dtd", "parameter entity", "bare doctype"],
)
def test_a_document_type_is_refused_before_it_costs_anything(text: str):
    tracemalloc.start()
    with pytest.raises(SchemaDrift, match="document type or entities"):
        read_body(answer(text))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 1024 * 1024


@pytest.mark.parametrize("text", ["", "{}", "<a", "<a/>", OPEN, f"{OPEN}\x00{CLOSE}", "<!doctype html><html></html>"])
def test_what_is_no_envelope_is_refused(text: str):
    with pytest.raises(SchemaDrift):
        read_body(answer(text))


def test_an_undefined_entity_is_refused_too():
    with pytest.raises(SchemaDrift):
        read_body(answer(f"{OPEN}&secret;{CLOSE}"))


def test_what_we_send_is_escaped():
    told = element("urn:x", "Job", {"Title": "<b>]]>&amp;\x22", "Empty": "", "None": None}, ref='"&<')
    back = read_body(answer(envelope([], told).decode()))
    job = back[0]
    assert isinstance(job, Element)
    assert next(texts(back, "Title")) == "<b>]]>&amp;\x22"
    assert attribute(back, "ref") == '"&<'
    assert list(texts(back, "Empty")) == []


@pytest.mark.parametrize(
    ("status", "code", "words", "kind"),
    [
        (500, "SOAP-ENV:Client", "Authentication failed", ConfigError),
        (200, "SOAP-ENV:Client", "The password has expired", ConfigError),
        (500, "SOAP-ENV:Server", "Internal error", Transient),
        (500, "SOAP-ENV:Client", "Unknown element", Rejected),
    ],
)
def test_a_fault_is_named_by_its_words_whatever_the_status(status: int, code: str, words: str, kind: type[Exception]):
    fault = f"<E:Fault><faultcode>{code}</faultcode><faultstring>{words}</faultstring></E:Fault>"
    found = Monster.classify(answer(f"{OPEN}{fault}{CLOSE}", status), NOW)
    assert type(found) is kind
    assert words in str(found)

"""SOAP 1.1 envelopes: made by hand, and read by a parser that refuses document types and entities."""

from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from connectors.answers import Answer
from connectors.errors import SchemaDrift

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
register_namespace("SOAP-ENV", ENVELOPE)


def envelope(headers: list[Element], body: Element) -> bytes:
    """An envelope as UTF-8 XML."""
    root = Element(f"{{{ENVELOPE}}}Envelope")
    SubElement(root, f"{{{ENVELOPE}}}Header").extend(headers)
    SubElement(root, f"{{{ENVELOPE}}}Body").append(body)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def element(space: str, name: str, told: Mapping[str, object], **attributes: str) -> Element:
    """An element with a child for each value that is there; a mapping is a child with children of its own."""
    made = Element(f"{{{space}}}{name}", attributes)
    for child, value in told.items():
        if isinstance(value, Mapping):
            made.append(element(space, child, value))
        elif value not in (None, ""):
            SubElement(made, f"{{{space}}}{child}").text = str(value)
    return made


def read_body(answer: Answer) -> Element:
    """The `Body` of an answer's envelope. Raises SchemaDrift for anything that is no plain envelope."""
    try:
        # No document type at all: entities, however few, and external subsets have no place in an answer.
        root = ElementTree.fromstring(bytes(answer.body), forbid_dtd=True)
    except DefusedXmlException:
        root = None
        reason = "the answer carries a document type or entities"
    except (ElementTree.ParseError, ValueError, LookupError):
        root = None
        reason = "the answer is not XML"
    else:
        reason = "the answer is no SOAP envelope"
    body: Element | None = root.find(f"{{{ENVELOPE}}}Body") if root is not None else None
    if body is None:
        raise SchemaDrift(f"{answer.url}: {reason}")
    return body


def texts(body: Element, name: str) -> Iterator[str]:
    """The texts of all elements of a local name, whatever their namespace."""
    for each in body.iter():
        if isinstance(each.tag, str) and each.tag.rpartition("}")[2] == name and each.text and each.text.strip():
            yield each.text.strip()


def attribute(body: Element, name: str) -> str:
    """The first value of an attribute anywhere; "" where there is none."""
    return next((value for each in body.iter() if (value := each.get(name, ""))), "")

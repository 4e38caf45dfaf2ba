"""Monster's Easy Apply push, in both forms, as JSON or XML. Monster signs nothing: the address is secret.

partner.monster.com/easy-apply-integration-guide
"""

import hmac
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from xml.parsers import expat

from connectors.webhooks.contract import (
    LARGE,
    Delivery,
    Heard,
    HeardApplication,
    HeardTouch,
    Receiver,
    Refused,
    Request,
)
from connectors.webhooks.reading import body_ref, first_texts, read_object, text, without_private

APPLY = "apply"
_FLAT = ("FirstName", "LastName", "EmailAddress", "JobRefID", "VendorField")
_DECLARATION = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


class MonsterReceiver(Receiver):
    """Applications that people send at Monster."""

    platform: ClassVar[str] = "monster"
    label: ClassVar[str] = "Monster Easy Apply"
    made_by: ClassVar[Any] = "us"
    key_label: ClassVar[str] = "Last part of the address"
    advice: ClassVar[str] = "Give Monster the whole address. Whoever knows it can tell of applications: keep it secret."
    steps: ClassVar[tuple[str, ...]] = (
        "Make the secret here, and copy the whole address that is shown then.",
        "Send it to your Monster contact as the address of Easy Apply: Monster has no API for it.",
    )
    has_key_in_url: ClassVar[bool] = True
    max_bytes: ClassVar[int] = LARGE
    signature: ClassVar[str] = "none: the last part of the address is the secret"

    def verify(self, request: Request, secrets: Sequence[str]) -> None:
        """The last part of the address."""
        fits = False
        for one in secrets:
            fits |= hmac.compare_digest(request.key.encode(), one.encode())
        if not fits:
            raise Refused(401, "signature_wrong" if request.key else "unsigned", "The address is not complete.")

    def read(self, request: Request) -> Delivery:
        """By `integratedApplyID`; in the first form, which has none, by posting and person."""
        told = _read(request)
        if text(told, "integratedApplyID"):
            kept = {
                "integratedApplyID": text(told, "integratedApplyID"),
                "jobRefCode": text(told, "jobRefCode"),
                "applicant": {
                    name: text(told, "applicant", name) for name in ("firstName", "lastName", "emailAddress")
                },
            }
            return Delivery(text(told, "integratedApplyID"), APPLY, kept)
        flat = {name: text(told, name) for name in _FLAT}
        if not flat["JobRefID"] or not flat["EmailAddress"]:
            return Delivery(body_ref(request.body), "unknown", without_private(told))
        return Delivery(f"{flat['JobRefID']}\n{flat['EmailAddress'].casefold()}", APPLY, flat, is_personal=True)

    def hear(self, kind: str, document: Mapping[str, Any], received_at: datetime) -> Heard:
        """One application, dated by its delivery: Monster sends no time."""
        if kind != APPLY:
            return Heard(is_known=False)
        ref = text(document, "integratedApplyID")
        names = first_texts(
            text(document, "applicant", "firstName") or text(document, "FirstName"),
            text(document, "applicant", "lastName") or text(document, "LastName"),
        )
        heard = HeardApplication(
            stages=(("applied", received_at),),
            refs=(("monster", ref),) if ref else (),
            postings=first_texts(text(document, "jobRefCode"), text(document, "JobRefID")),
            name=" ".join(names),
            email=text(document, "applicant", "emailAddress") or text(document, "EmailAddress"),
            touches=(HeardTouch("declared", "monster", "Monster"),),
        )
        return Heard((heard,))


def _read(request: Request) -> dict[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"text/xml", "application/xml"}:
        return read_object(request.body)
    # Neither entities nor a document type: nothing that refers, expands or reads files.
    if _DECLARATION.search(request.body) or b"\x00" in request.body:
        raise Refused(400, "not_xml", "The body is not XML that can be used.")
    try:
        root = ElementTree.fromstring(request.body)  # noqa: S314 - no declarations, so nothing to expand
    except (ElementTree.ParseError, expat.ExpatError, ValueError, RecursionError) as error:
        raise Refused(400, "not_xml", "The body is not XML that can be used.") from error
    return {child.tag.rpartition("}")[2]: child.text or "" for child in root}

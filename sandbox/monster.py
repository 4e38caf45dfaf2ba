"""Monster's Business Gateway: postings and the inventory of posting credits over SOAP, signed in inside the envelope.

A posting that is wrong is told with status 200 and no `postingId`; only what is wrong with the envelope is a fault.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.boards import Ad, secret_of
from sandbox.world import World

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MONSTER = "http://schemas.monster.com/Monster"
HEADER = "http://schemas.monster.com/MonsterHeader"
SECURITY = "http://schemas.xmlsoap.org/ws/2002/04/secext"
TEST_BOARD = "178"


class FaultError(Exception):
    """What is wrong with the envelope."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


def account_view(world: World) -> dict[str, str]:
    """What an admin types into the form."""
    seed = world.account.employer_id
    return {
        "username": "xhalden01x",
        "password": secret_of(seed, "monster", 20),
        "recruiter": "xhalden01x",
        "board_id": TEST_BOARD,
    }


def routes(world: World) -> list[Route]:
    """POST /bgwBroker."""
    gateway = Gateway(world)

    async def broker(request: Request) -> Response:
        try:
            return _envelope(gateway.answer(request, await request.body()))
        except FaultError as error:
            fault = Element(f"{{{SOAP}}}Fault")
            SubElement(fault, "faultcode").text = f"SOAP-ENV:{error.code}"
            SubElement(fault, "faultstring").text = error.words
            return _envelope(fault, 500)

    return [Route("/bgwBroker", broker, methods=["POST"])]


class Gateway:
    """One customer's postings."""

    def __init__(self, world: World) -> None:
        self.world = world

    def answer(self, request: Request, raw: bytes) -> Element:
        """The body of one request's answer."""
        if not request.headers.get("content-type", "").startswith("text/xml") or "soapaction" not in request.headers:
            raise FaultError("Client", "text/xml and a SOAPAction are expected")
        try:
            envelope = ElementTree.fromstring(raw, forbid_dtd=True)
        except (ElementTree.ParseError, DefusedXmlException):
            raise FaultError("Client", "The envelope is not XML") from None
        self._authorise(envelope)
        body = envelope.find(f"{{{SOAP}}}Body")
        told = body[0] if body is not None and len(body) else None
        if told is not None and told.tag == f"{{{MONSTER}}}Job":
            return self._job(told)
        if told is not None and told.tag == f"{{{MONSTER}}}InventoriesQuery":
            return self._inventories()
        raise FaultError("Client", "The request is not known")

    def _authorise(self, envelope: Any) -> None:
        message = envelope.findtext(
            f"{{{SOAP}}}Header/{{{HEADER}}}MonsterHeader/{{{HEADER}}}MessageData/{{{HEADER}}}MessageId"
        )
        token = f"{{{SOAP}}}Header/{{{SECURITY}}}Security/{{{SECURITY}}}UsernameToken/"
        account = account_view(self.world)
        given = [envelope.findtext(f"{token}{{{SECURITY}}}{name}") for name in ("Username", "Password")]
        if given != [account["username"], account["password"]] or "monster_password" in self.world.authority.revoked:
            raise FaultError("Client", "Authentication failed for the user")
        if not message:
            raise FaultError("Client", "MessageData is missing")

    def _job(self, job: Any) -> Element:
        ref, action = job.get("jobRefCode", ""), job.get("jobAction")
        boards = self.world.boards
        known = boards.monster.ads.get(ref)
        answer = Element(f"{{{MONSTER}}}JobPostingResponse", {"jobRefCode": ref})
        problems = _problems(job) if action == "addOrUpdate" else []
        if action == "delete":
            boards.monster.close(ref)
            problems = [] if known else ["The job was not found"]
        elif action == "addOrUpdate" and not problems and known is None:
            if boards.credits <= 0:
                problems = ["There is no inventory left for this posting"]
            else:
                boards.credits -= 1
        if problems or action not in {"addOrUpdate", "delete"}:
            for words in problems or ["The jobAction is not known"]:
                SubElement(
                    SubElement(answer, f"{{{MONSTER}}}ProcessingError"), f"{{{MONSTER}}}Description"
                ).text = words
            return answer
        ad = known if action == "delete" else self._put(ref, job, known)
        if ad is not None:
            SubElement(answer, f"{{{MONSTER}}}JobPosting", {"postingId": ad.id})
        SubElement(answer, f"{{{MONSTER}}}Description").text = "The job was processed"
        return answer

    def _put(self, ref: str, job: Any, known: Ad | None) -> Ad:
        body = {
            "title": _text(job, "JobTitle"),
            "description": _text(job, "JobBody"),
            "apply_url": _text(job, "CustomApplyOnlineURL"),
            "xml": tostring(job, encoding="unicode"),
        }
        board = self.world.boards.monster
        return board.put(ref, known.id if known else str(700_000_000 + len(board.ads)), body, self.world.clock.now())

    def _inventories(self) -> Element:
        answer = Element(f"{{{MONSTER}}}InventoriesQueryResponse")
        left = self.world.boards.credits
        inventory = SubElement(answer, f"{{{MONSTER}}}Inventory", {"inventoryType": "Job"})
        SubElement(inventory, f"{{{MONSTER}}}RemainingQuantity").text = str(left)
        return answer


def _text(job: Any, name: str) -> str:
    return next((each.text or "" for each in job.iter(f"{{{MONSTER}}}{name}")), "")


def _problems(job: Any) -> list[str]:
    rules = (
        (bool(job.get("jobRefCode")), "jobRefCode is missing"),
        (bool(_text(job, "UserName")), "RecruiterReference is missing"),
        (bool(_text(job, "JobTitle")), "JobTitle is missing"),
        (len(_text(job, "JobBody")) >= 30, "JobBody is too short"),
        (bool(re.fullmatch(r"[A-Z]{2}", _text(job, "CountryCode"))), "CountryCode is not known"),
        (_text(job, "PostalCode") != "nowhere", "PostalCode is not known"),
        (bool(_text(job, "City")), "City is missing"),
        (_text(job, "CustomApplyOnlineURL").startswith("https://"), "CustomApplyOnlineURL is not an address"),
    )
    return [words for holds, words in rules if not holds]


def _envelope(body: Element, status: int = 200) -> Response:
    envelope = Element(f"{{{SOAP}}}Envelope")
    SubElement(envelope, f"{{{SOAP}}}Body").append(body)
    raw = tostring(envelope, encoding="utf-8", xml_declaration=True)
    return Response(raw, status, media_type="text/xml; charset=utf-8")

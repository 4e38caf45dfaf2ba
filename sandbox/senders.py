"""Platforms that deliver: what each sends for an application or a day on its page, and how each signs it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Sent:
    """One delivery on the wire. `path` follows the address it goes to."""

    body: bytes
    headers: Mapping[str, str]
    path: str = ""


@dataclass(frozen=True)
class Applied:
    """Somebody who applied, as a platform knows them."""

    ref: str
    requisition: str
    title: str
    name: str
    email: str
    at: datetime
    more: Mapping[str, Any] = field(default_factory=dict)


#: What no receiver may keep.
PRIVATE = {
    "ip": "203.0.113.77",
    "phone": "+1 512 555 0100",
    "agent": "Mozilla/5.0 (QuokkaPhone)",
    "resume": "JVBERi0xLjcK",
}


def _json(document: Mapping[str, Any]) -> bytes:
    # As platforms write it: not sorted, escaped, and with spaces that a second writing would not have.
    return json.dumps(document).encode()


def _hmac(algorithm: str, secret: str | bytes, message: bytes) -> bytes:
    key = secret if isinstance(secret, bytes) else secret.encode()
    return hmac.new(key, message, getattr(hashlib, algorithm)).digest()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def indeed_apply(secret: str, who: Applied, now: datetime) -> Sent:
    """An Indeed Apply application."""
    del now
    body = _json(
        {
            "id": hashlib.sha256(who.ref.encode()).hexdigest(),
            "appliedOnMillis": int(who.at.timestamp() * 1000),
            "locale": "en_US",
            "job": {
                "jobId": who.requisition,
                "jobTitle": who.title,
                "jobCompany": "Harbour Works",
                "jobMeta": who.requisition,
                "jobKey": hashlib.md5(who.requisition.encode(), usedforsecurity=False).hexdigest()[:16],
            },
            "applicant": {
                "fullName": who.name,
                "email": who.email,
                "phoneNumber": PRIVATE["phone"],
                "coverletter": None,
                "resume": {"file": {"fileName": "a1.pdf", "contentType": "application/pdf", "data": PRIVATE["resume"]}},
            },
            "analytics": {"ip": PRIVATE["ip"], "userAgent": PRIVATE["agent"], "device": "mobile", "sponsored": False},
            "questionsAndAnswers": [],
        }
        | dict(who.more)
    )
    return Sent(body, _typed({"X-Indeed-Signature": _base64(_hmac("sha1", secret, body))}))


def indeed_event(secret: str, who: Applied, now: datetime) -> Sent:
    """A partner event about a posting, as a CloudEvent."""
    del now
    body = _json(
        {
            "specversion": "1.0",
            "id": who.ref,
            "source": "api.indeed.com",
            "type": "com.indeed.partner.jobs.lifecycle_event.v1",
            "time": who.at.isoformat(),
            "datacontenttype": "application/json",
            "idempotencykey": who.ref,
            "data": {"employerJobId": "iri://apis.indeed.com/EmployerJob/8d1c", "lifecycleEvent": "UPDATED"},
        }
        | dict(who.more)
    )
    return Sent(body, _typed({"X-Indeed-Signature": _base64(_hmac("sha256", secret, body))}))


def ziprecruiter(secret: str, who: Applied, now: datetime) -> Sent:
    """An Apply Webhook application, signed with its time."""
    first, _, last = who.name.partition(" ")
    body = _json(
        {
            "response_id": who.ref,
            "zr_application_id": f"a-{who.ref}",
            "job_id": who.requisition,
            "name": who.name,
            "first_name": first,
            "last_name": last,
            "email": who.email,
            "phone": PRIVATE["phone"],
            "resume": PRIVATE["resume"],
            "answers": [{"id": "q1", "value": "Yes"}],
            "profile": {"mobile": PRIVATE["phone"], "text_resume": "welds", "city": "Austin"},
        }
        | dict(who.more)
    )
    stamp = str(int(now.timestamp()))
    signature = _base64(_hmac("sha256", secret, stamp.encode() + b"." + body))
    headers = {"X-ZipRecruiter-Signature": signature, "X-ZipRecruiter-Signature-Timestamp": stamp}
    return Sent(body, _typed(headers))


def monster(secret: str, who: Applied, now: datetime) -> Sent:
    """An Easy Apply application in the second form; the secret is part of the address."""
    del now
    first, _, last = who.name.partition(" ")
    body = _json(
        {
            "integratedApplyID": str(uuid.uuid5(uuid.NAMESPACE_URL, who.ref)),
            "sourceAttribution": "monster.com",
            "jobRefCode": who.requisition,
            "applicant": {
                "firstName": first,
                "lastName": last,
                "emailAddress": who.email,
                "phoneNumber": PRIVATE["phone"],
                "resume": {"fileExt": "pdf", "fileContents": PRIVATE["resume"]},
            },
            "questions": [],
        }
        | dict(who.more)
    )
    return Sent(body, _typed({}), f"/{secret}")


def monster_xml(secret: str, who: Applied, now: datetime) -> Sent:
    """The same in the first form, as XML."""
    del now
    first, _, last = who.name.partition(" ")
    body = (
        "<?xml version='1.0' encoding='utf-8'?><Application>"
        f"<FirstName>{first}</FirstName><LastName>{last}</LastName><EmailAddress>{who.email}</EmailAddress>"
        f"<PhoneNumber>{PRIVATE['phone']}</PhoneNumber><FileContents>{PRIVATE['resume']}</FileContents>"
        f"<JobRefID>{who.requisition}</JobRefID></Application>"
    )
    return Sent(body.encode(), {"Content-Type": "text/xml; charset=utf-8"}, f"/{secret}")


def facebook(secret: str, who: Applied, now: datetime) -> Sent:
    """A comment on the company's Page; names in escaped Unicode, as Meta signs them."""
    changes = who.more.get("changes", 1)
    value = {"item": "comment", "verb": "add", "post_id": who.ref, "from": {"id": "24567", "name": who.name}}
    entry = {
        "id": "1234567890",
        "time": int(now.timestamp()),
        "changes": [{"field": "feed", "value": value | {"comment_id": f"{who.ref}_{at}"}} for at in range(changes)],
    }
    body = _json({"object": "page", "entry": [entry]})
    signature = f"sha256={_hmac('sha256', secret, body).hex()}"
    return Sent(body, _typed({"X-Hub-Signature-256": signature}))


def x(secret: str, who: Applied, now: datetime) -> Sent:
    """Account activity."""
    del now
    body = _json({"for_user_id": "42", "favorite_events": [{"id": who.ref, "user": {"name": who.name}}]})
    signature = f"sha256={_base64(_hmac('sha256', secret, body))}"
    return Sent(body, _typed({"x-twitter-webhooks-signature": signature}))


def x_activity(secret: str, who: Applied, now: datetime) -> Sent:
    """Something the account did, by the X Activity API."""
    user = str(who.more.get("user_id", "42"))
    payload = {"id": who.ref, "author_id": user, "text": "We are hiring", "created_at": now.isoformat()}
    body = _json({"data": {"event_type": "post.create", "filter": {"user_id": user}, "payload": payload}})
    signature = f"sha256={_base64(_hmac('sha256', secret, body))}"
    return Sent(body, _typed({"x-twitter-webhooks-signature": signature}))


def linkedin(secret: str, who: Applied, now: datetime) -> Sent:
    """A notification of social actions."""
    number = int(hashlib.sha256(who.ref.encode()).hexdigest()[:8], 16)
    notification = {
        "notificationId": number,
        "organizationalEntity": "urn:li:organization:2414183",
        "action": "LIKE",
        "sourcePost": "urn:li:share:7045020441609936898",
        "lastModifiedAt": int(now.timestamp() * 1000),
    }
    body = _json({"type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS", "notifications": [notification]})
    return Sent(body, _typed({"X-LI-Signature": _hmac("sha256", secret, b"hmacsha256=" + body).hex()}))


def standard(secret: str, who: Applied, now: datetime) -> Sent:
    """An applicant system's own event, by Standard Webhooks."""
    data = {
        "applicationId": f"ATS-{who.ref}",
        "postingRef": who.requisition,
        "postingTitle": who.title,
        "name": who.name,
        "email": who.email,
        "stages": {"applied": who.at.isoformat()},
    } | dict(who.more)
    body = _json({"type": "application.updated", "timestamp": now.isoformat(), "data": data})
    stamp = str(int(now.timestamp()))
    name = f"msg_{hashlib.sha256(body).hexdigest()[:24]}"
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = _base64(_hmac("sha256", key, f"{name}.{stamp}.".encode() + body))
    headers = {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}
    return Sent(body, _typed(headers))


def _typed(headers: Mapping[str, str]) -> dict[str, str]:
    return {"Content-Type": "application/json", **headers}


Sender = Callable[[str, Applied, datetime], Sent]
#: Every delivery a platform makes: its name, its platform, and how it is made.
SENDERS: dict[str, tuple[str, Sender]] = {
    "indeed_apply": ("indeed", indeed_apply),
    "indeed_event": ("indeed", indeed_event),
    "ziprecruiter": ("ziprecruiter", ziprecruiter),
    "monster": ("monster", monster),
    "monster_xml": ("monster", monster_xml),
    "facebook": ("facebook", facebook),
    "x": ("x", x),
    "x_activity": ("x", x_activity),
    "linkedin": ("linkedin", linkedin),
    "standard": ("other", standard),
}

"""What platforms sign is taken, every change of it is refused, and nothing private is kept."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from connectors.webhooks.contract import Refused, Request
from connectors.webhooks.reading import read_object, without_private
from connectors.webhooks.registry import RECEIVERS, most_bytes
from connectors.webhooks.standard import make_secret
from sandbox.senders import PRIVATE, SENDERS, Applied

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"one secret of thirty-two bytes..").decode()
OTHER = "whsec_" + base64.b64encode(b"two secret of thirty-two bytes..").decode()
ANN = Applied("r-1", "REQ-1", "Welder", "Ann Ünal", "ann@people.example", NOW - timedelta(hours=3))
#: Deliveries whose platform signs their bytes, and those whose signature has a time.
SIGNED = [name for name in SENDERS if not name.startswith("monster")]
STAMPED = ["ziprecruiter", "standard"]
APPLICATIONS = ["indeed_apply", "ziprecruiter", "monster", "monster_xml", "standard"]


def sent(name, who=ANN, *, secret=SECRET, now=NOW):
    return SENDERS[name][1](secret, who, now)


def request(delivery, *, now=NOW, **changes):
    headers = {key.lower(): value for key, value in delivery.headers.items()} | changes.pop("headers", {})
    body = changes.pop("body", delivery.body)
    return Request({key: value for key, value in headers.items() if value is not None}, body, now, delivery.path[1:])


def verify(name, asked, secrets=(SECRET,)):
    RECEIVERS[SENDERS[name][0]].verify(asked, secrets)


def refused(name, asked, secrets=(SECRET,)):
    with pytest.raises(Refused) as told:
        verify(name, asked, secrets)
    assert told.value.status == 401
    return told.value.cause


@pytest.mark.parametrize("name", SENDERS)
def test_what_the_platform_signs_is_taken(name):
    verify(name, request(sent(name)))


@pytest.mark.parametrize("name", SENDERS)
def test_another_secret_is_refused_and_both_of_a_rotation_are_taken(name):
    assert refused(name, request(sent(name)), [OTHER]) == "signature_wrong"
    verify(name, request(sent(name)), [OTHER, SECRET])
    verify(name, request(sent(name)), [SECRET, OTHER])
    assert refused(name, request(sent(name)), []) in {"signature_wrong", "unsigned"}


@pytest.mark.parametrize("name", SIGNED)
def test_every_changed_byte_is_refused(name):
    delivery = sent(name)
    for at in range(0, len(delivery.body), 7):
        changed = bytearray(delivery.body)
        changed[at] ^= 1
        assert refused(name, request(delivery, body=bytes(changed))) == "signature_wrong"


@pytest.mark.parametrize("name", SIGNED)
def test_the_same_document_written_anew_is_refused(name):
    delivery = sent(name)
    written = json.dumps(json.loads(delivery.body), separators=(",", ":"), ensure_ascii=False).encode()
    assert written != delivery.body
    refused(name, request(delivery, body=written))


@pytest.mark.parametrize("name", SIGNED)
def test_every_header_that_is_changed_or_missing_is_refused(name):
    delivery = sent(name)
    for header, value in delivery.headers.items():
        if header == "Content-Type":
            continue
        for wrong in (None, "", "x", value[:-1], value[:-2] + "AA", value + "=", "é", value.swapcase()):
            if wrong == value:
                continue
            if wrong is not None and not wrong.isascii() and header != "webhook-id":
                wrong = wrong.encode().decode("latin-1")
            refused(name, request(delivery, headers={header.lower(): wrong}))


@pytest.mark.parametrize("name", STAMPED)
@pytest.mark.parametrize("apart", [-301, 301, 86_400])
def test_an_old_or_a_future_time_of_signing_is_refused(name, apart):
    delivery = sent(name, now=NOW + timedelta(seconds=apart))
    assert refused(name, request(delivery)) == "stamp_wrong"
    verify(name, request(sent(name, now=NOW + timedelta(seconds=apart // 400))))


def test_indeed_s_documented_signature_is_taken():
    body = b"{'locale':'en_US','applicant':{'fullName':'John Doe','email':'john.doe@example.com'}}"
    headers = {"x-indeed-signature": "SGadPKocf3HD1LYXm3xGObB6hzk="}
    verify("indeed_apply", Request(headers, body, NOW), ["Y0ur api secret key not shared &$%@"])
    refused("indeed_apply", Request(headers, body + b" ", NOW), ["Y0ur api secret key not shared &$%@"])


def test_monster_s_address_is_its_secret():
    delivery = sent("monster")
    for key in ("", SECRET[:-1], OTHER, SECRET.upper()):
        asked = Request({}, delivery.body, NOW, key)
        refused("monster", asked)


def test_zip_recruiter_s_time_may_be_iso():
    delivery = sent("ziprecruiter")
    stamp = NOW.isoformat()
    signed = hmac.new(SECRET.encode(), stamp.encode() + b"." + delivery.body, hashlib.sha256).digest()
    headers = {
        "x-ziprecruiter-signature": base64.b64encode(signed).decode(),
        "x-ziprecruiter-signature-timestamp": stamp,
    }
    verify("ziprecruiter", request(delivery, headers=headers))


def test_the_standard_s_own_library_signs_what_we_take():
    now, body = datetime.now(UTC), '{"type":"application.created","data":{}}'
    secret = make_secret()
    signature = Webhook(secret).sign("msg_1", now, body)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    verify("standard", Request(headers, body.encode(), now), [secret])
    both = headers | {"webhook-signature": f"v1,AAAA {Webhook(make_secret()).sign('msg_1', now, body)} {signature}"}
    verify("standard", Request(both, body.encode(), now), [secret])
    asymmetric = headers | {"webhook-signature": signature.replace("v1,", "v1a,")}
    refused("standard", Request(asymmetric, body.encode(), now), [secret])


def test_the_standard_s_own_library_takes_what_the_sandbox_signs():
    now = datetime.now(UTC)
    delivery = sent("standard", now=now)
    assert Webhook(SECRET).verify(delivery.body, dict(delivery.headers))["type"] == "application.updated"


@pytest.mark.parametrize("name", APPLICATIONS)
def test_an_application_is_heard_with_its_person_and_posting(name):
    receiver = RECEIVERS[SENDERS[name][0]]
    delivery = receiver.read(request(sent(name)))
    (heard,) = receiver.hear(delivery.kind, json.loads(json.dumps(delivery.document)), NOW).applications
    assert heard.email == "ann@people.example"
    assert heard.name == "Ann Ünal"
    assert heard.postings[0] == "REQ-1"
    assert heard.stages[0][0] == "applied"
    assert heard.stages[0][1] in {ANN.at, NOW}


@pytest.mark.parametrize("name", APPLICATIONS)
def test_no_resume_telephone_or_address_is_kept(name):
    delivery = RECEIVERS[SENDERS[name][0]].read(request(sent(name)))
    kept = json.dumps([delivery.ref, delivery.document])
    assert not [value for value in PRIVATE.values() if value in kept]


@pytest.mark.parametrize("name", SENDERS)
def test_a_delivery_s_name_stays_when_it_comes_again(name):
    receiver = RECEIVERS[SENDERS[name][0]]
    again = [receiver.read(request(sent(name))) for _ in range(2)]
    assert again[0].ref == again[1].ref
    other = receiver.read(request(sent(name, Applied(**{**_fields(ANN), "ref": "r-2", "requisition": "REQ-2"}))))
    assert other.ref != again[0].ref


def _fields(who):
    return {name: getattr(who, name) for name in ("ref", "requisition", "title", "name", "email", "at", "more")}


def test_a_thousand_changes_are_one_delivery_and_more_are_refused():
    receiver = RECEIVERS["facebook"]
    many = Applied(**{**_fields(ANN), "more": {"changes": 1_000}})
    delivery = receiver.read(request(sent("facebook", many)))
    assert receiver.hear(delivery.kind, delivery.document, NOW).note == "1000 × comment"
    assert len(sent("facebook", many).body) < receiver.max_bytes
    with pytest.raises(Refused, match="at most 1 000"):
        receiver.read(request(sent("facebook", Applied(**{**_fields(ANN), "more": {"changes": 1_001}}))))


@pytest.mark.parametrize("name", ["indeed_event", "facebook", "x", "linkedin"])
def test_what_only_tells_of_activity_makes_no_application(name):
    receiver = RECEIVERS[SENDERS[name][0]]
    delivery = receiver.read(request(sent(name)))
    heard = receiver.hear(delivery.kind, delivery.document, NOW)
    assert heard.is_known
    assert heard.note
    assert not heard.applications
    assert "Ünal" not in json.dumps(delivery.document, ensure_ascii=False)


@pytest.mark.parametrize("platform", RECEIVERS)
def test_an_unknown_kind_is_said_to_be_unknown(platform):
    heard = RECEIVERS[platform].hear("candidate.juggled", {}, NOW)
    assert not heard.is_known
    assert not heard.applications


def test_facebook_s_handshake_needs_the_address_s_own_token():
    shake = RECEIVERS["facebook"].shake
    query = {"hub.mode": "subscribe", "hub.verify_token": "hook", "hub.challenge": "1158201444"}
    assert shake(query, "hook", SECRET) == ("1158201444", "text/plain")
    with pytest.raises(Refused) as told:
        shake(query | {"hub.verify_token": "hock"}, "hook", SECRET)
    assert told.value.status == 403
    with pytest.raises(Refused):
        shake(query | {"hub.challenge": "<script>"}, "hook", SECRET)
    assert shake({}, "hook", SECRET) is None


def test_x_and_linkedin_answer_their_challenges():
    body, kind = RECEIVERS["x"].shake({"crc_token": "abc"}, "hook", "key")
    assert kind == "application/json"
    # printf abc | openssl dgst -sha256 -hmac key -binary | base64
    assert json.loads(body) == {"response_token": "sha256=nBluMtwBdfhvSxy4konWYZ3mvuaZ5MN45oMJ7Zehpqs="}
    body, _ = RECEIVERS["linkedin"].shake({"challengeCode": "abc"}, "hook", "key")
    assert json.loads(body) == {
        "challengeCode": "abc",
        "challengeResponse": "9c196e32dc0175f86f4b1cb89289d6619de6bee699e4c378e68309ed97a1a6ab",
    }


@pytest.mark.parametrize(
    ("platform", "name", "before"), [("x", "crc_token", ""), ("linkedin", "challengeCode", "hmacsha256=")]
)
def test_a_handshake_signs_no_delivery_for_whoever_knows_the_address(platform, name, before):
    for body in ('{"for_user_id":"1"}', '\ufeff {"data":{}}', f'{{"type":"LEAD_ACTION","more":"{"x" * 20}"}}'):
        with pytest.raises(Refused) as told:
            RECEIVERS[platform].shake({name: before + body}, "hook", SECRET)
        assert told.value.status == 400
    for challenge in ("", "x" * 501):
        with pytest.raises(Refused):
            RECEIVERS[platform].shake({name: challenge}, "hook", SECRET)


BAD = {
    "empty": b"",
    "not json": b"hello",
    "list": b"[]",
    "cut off": b'{"id": "x"',
    "nan": b'{"id": NaN}',
    "infinity": b'{"id": -Infinity}',
    "huge float": b'{"id": 1e999}',
    "huge integer": b'{"id": ' + b"9" * 5_000 + b"}",
    "twice": b'{"id": "a", "id": "b"}',
    "deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep list": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "bytes": b'{"id": "\xff\xfe"}',
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
@pytest.mark.parametrize("platform", RECEIVERS)
def test_a_signed_body_that_is_no_document_is_a_bad_request(platform, body):
    with pytest.raises(Refused) as told:
        RECEIVERS[platform].read(Request({"webhook-id": "m"}, body, NOW))
    assert told.value.status == 400


@pytest.mark.parametrize("number", [2**63, -(2**63), 10**17, -1, 1])
def test_a_time_that_cannot_be_is_told_apart_when_it_is_applied(number):
    receiver = RECEIVERS["indeed"]
    who = Applied(**{**_fields(ANN), "more": {"appliedOnMillis": number}})
    delivery = receiver.read(request(sent("indeed_apply", who)))
    with pytest.raises(ValueError, match="not believable"):
        receiver.hear(delivery.kind, delivery.document, NOW)


def test_a_stage_nobody_knows_is_refused_when_it_is_applied():
    receiver = RECEIVERS["other"]
    who = Applied(**{**_fields(ANN), "more": {"stage": "promoted"}})
    delivery = receiver.read(request(sent("standard", who)))
    with pytest.raises(ValueError, match="not a stage"):
        receiver.hear(delivery.kind, delivery.document, NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"<a><b></a>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>".encode("utf-16"),
        b"",
        b"<a>" * 100_000,
    ],
)
def test_xml_that_could_expand_is_refused(body):
    with pytest.raises(Refused) as told:
        RECEIVERS["monster"].read(Request({"content-type": "text/xml"}, body, NOW))
    assert told.value.status == 400


def test_what_is_unknown_keeps_its_shape_and_loses_what_is_private():
    told = {"type": "t", "resume_text": "x", "nested": {"ip": "203.0.113.77", "ok": [1, "y" * 900]}, "Phone": "1"}
    kept = without_private(told)
    assert kept == {"type": "t", "nested": {"ok": [1, "y" * 200]}}


def test_caps_are_those_of_the_platforms():
    assert most_bytes("/api/webhooks/indeed/x") == 10 * 2**20
    assert most_bytes("/api/webhooks/x/x") == 64 * 1024
    assert most_bytes("/api/webhooks/nobody/x") is None
    assert most_bytes("/api/track") is None


def test_a_body_may_begin_with_a_byte_order_mark():
    assert read_object(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}

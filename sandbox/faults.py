"""The fault plan: which route misbehaves, in which order, and what each kind of fault does."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.requests import Request

from sandbox.sockets import Answer, Delivery
from sandbox.voices import CODES, spoken

FAULT = "sandbox.fault"
HTML = "<!doctype html><html><head><title>Sign in</title></head><body><h1>Please sign in</h1></body></html>"
STEP_FIELDS = {
    "status", "headers", "body", "file", "html", "delay_ms", "drip", "truncate_at", "close", "chunked",
    "gzip_bomb", "pass", "kind", "seconds", "format",
}  # fmt: skip
# Kinds that answer by themselves, kinds that mangle the real answer, and kinds the platform itself acts out.
ANSWERED = {
    "429_seconds",
    "429_date",
    "429_plain",
    "500",
    "502",
    "503",
    "html",
    "null",
    "empty",
    "redirect",
    "gzip_bomb",
}
MANGLED = {"truncated", "drip", "reset", "garbage", "chunked_cut", "mislabelled_gzip"}
# Some are one platform's own.
OWN = {"day_limit", "version_sunset", "authwall", "blocked", "credits_gone", "queued", "bare_list", "blurred"}
ACTED = {"token_expired", "token_revoked", "loop", "duplicate_page"} | OWN
KINDS = ANSWERED | MANGLED | ACTED | {"hang", "swallowed"}


class BadPlanError(ValueError):
    """A plan that names an unknown field or kind."""


@dataclass
class Script:
    """The steps of one route; `left` counts the rounds to go, None for ever."""

    route: str
    steps: list[dict[str, Any]]
    left: int | None = 1
    method: str | None = None
    taken: int = 0

    def matches(self, method: str, target: str) -> bool:
        """Whether a request is meant: a path prefix, or a pattern when the route starts with ^."""
        if self.method is not None and self.method != method:
            return False
        if self.route.startswith("^"):
            return re.search(self.route, target) is not None
        return target.startswith(self.route)

    def next_step(self) -> dict[str, Any] | None:
        """The step whose turn it is, or None when the script has run out."""
        if self.left == 0:
            return None
        step = self.steps[self.taken % len(self.steps)]
        self.taken += 1
        if self.left is not None and self.taken % len(self.steps) == 0:
            self.left -= 1
        return step


@dataclass
class Plan:
    """All scripts; the oldest that matches and has steps left is followed."""

    scripts: list[Script] = field(default_factory=list)

    def add(self, order: dict[str, Any]) -> Script:
        """Take in {route, steps, repeat, method}. Raises BadPlanError."""
        steps = order.get("steps")
        if not isinstance(order.get("route"), str) or not isinstance(steps, list) or not steps:
            raise BadPlanError("a plan needs a route and at least one step")
        for step in steps:
            _check(step)
        repeat = order.get("repeat", 1)
        left = None if repeat == "always" else int(repeat)
        script = Script(order["route"], steps, left, order.get("method"))
        self.scripts.append(script)
        return script

    def next_step(self, method: str, target: str) -> dict[str, Any] | None:
        """The fault a request meets, or None."""
        for script in self.scripts:
            if script.matches(method, target) and (step := script.next_step()) is not None:
                return step
        return None

    def view(self) -> list[dict[str, Any]]:
        """The scripts as JSON."""
        return [vars(script) for script in self.scripts]

    def clear(self) -> None:
        """No more faults."""
        self.scripts.clear()


def _check(step: Any) -> None:
    if not isinstance(step, dict) or not step.keys() <= STEP_FIELDS:
        raise BadPlanError(f"a step has these fields only: {', '.join(sorted(STEP_FIELDS))}")
    if "kind" in step and step["kind"] not in KINDS:
        raise BadPlanError(f"unknown kind {step['kind']!r}; there are {', '.join(sorted(KINDS))}")


def asked_to_misbehave(request: Request) -> str | None:
    """The fault a platform is to act out itself for this request: "loop", "duplicate_page" or None."""
    fault = request.scope.get(FAULT)
    return str(fault) if fault in ACTED else None


def own_answer(step: dict[str, Any], path: str, now: datetime) -> Answer | None:
    """The answer a step gives in place of the platform; None where the real one is to be used."""
    kind = step.get("kind", "")
    if kind.startswith("429"):
        return _spoken("429", path, step, _retry_after(kind, step, now))
    if kind in CODES:
        return _spoken(kind, path, step, {})
    if kind == "html" or "html" in step:
        body = step.get("html", HTML)
        return Answer(step.get("status", 200), [("content-type", "text/html; charset=utf-8")], body.encode())
    if kind in {"null", "empty"}:
        return Answer(200, [("content-type", "application/json")], b"null" if kind == "null" else b"{}")
    if kind == "redirect":
        return Answer(step.get("status", 302), list(step.get("headers", {"location": path}).items()))
    if kind == "gzip_bomb" or "gzip_bomb" in step:
        return _bomb(int(step.get("gzip_bomb", 100)))
    if step.keys() & {"status", "body", "file"}:
        return _scripted(step)
    return None


def _retry_after(kind: str, step: dict[str, Any], now: datetime) -> dict[str, str]:
    seconds = step.get("seconds", 3)
    if kind == "429_seconds":
        return {"retry-after": str(seconds)}
    if kind == "429_plain":
        return {}
    when = now + timedelta(seconds=float(seconds))
    if step.get("format") == "rfc850":
        return {"retry-after": when.strftime("%A, %d-%b-%y %H:%M:%S GMT")}
    return {"retry-after": format_datetime(when, usegmt=True)}


def _spoken(code: str, path: str, step: dict[str, Any], headers: dict[str, str]) -> Answer:
    """A failure in the words of the platform whose route it is."""
    status, payload = spoken(code, path)
    kind = "application/json"
    if isinstance(payload, str):
        kind = "text/html; charset=utf-8" if payload.startswith("<html") else "text/xml; charset=utf-8"
    headers = {"content-type": kind, **headers, **step.get("headers", {})}
    return Answer(
        status, list(headers.items()), (payload if isinstance(payload, str) else json.dumps(payload)).encode()
    )


def _scripted(step: dict[str, Any]) -> Answer:
    body = step.get("body", "")
    if "file" in step:
        raw = Path(step["file"]).read_bytes()
    else:
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    headers = {"content-type": "application/json", **step.get("headers", {})}
    return Answer(int(step.get("status", 200)), list(headers.items()), raw)


def _bomb(megabytes: int) -> Answer:
    """A small body that unpacks to that many megabytes of spaces."""
    return Answer(200, [("content-type", "application/json"), ("content-encoding", "gzip")], _packed(megabytes))


@lru_cache(maxsize=4)
def _packed(megabytes: int) -> bytes:
    return gzip.compress(b" " * (megabytes * 1024 * 1024), compresslevel=9)


def mangled(step: dict[str, Any], answer: Answer) -> Answer:
    """The real answer after a fault that changes its content."""
    if step.get("kind") == "garbage":
        return Answer(answer.status, answer.headers, answer.body[: len(answer.body) // 2] + b'\x00<<"}')
    if step.get("kind") == "mislabelled_gzip":
        return Answer(answer.status, [*answer.headers, ("content-encoding", "gzip")], answer.body)
    if "headers" in step:
        kept = answer.without(*(name.lower() for name in step["headers"]))
        return Answer(answer.status, [*kept, *step["headers"].items()], answer.body)
    return answer


def delivery(step: dict[str, Any], size: int) -> Delivery:
    """How a step puts an answer of that many bytes on the wire."""
    kind = step.get("kind")
    drip = step.get("drip") or ({"bytes": 1, "interval_ms": 700} if kind == "drip" else {})
    cut = step.get("truncate_at")
    if cut is None and kind in {"truncated", "chunked_cut", "reset"}:
        cut = size // 2
    return Delivery(
        truncate_at=cut,
        drip_bytes=int(drip.get("bytes", 0)),
        drip_interval=float(drip.get("interval_ms", 0)) / 1000,
        chunked=bool(step.get("chunked")) or kind == "chunked_cut",
        reset=kind == "reset" or bool(step.get("close")),
    )

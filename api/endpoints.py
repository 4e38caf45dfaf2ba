"""One shape for every route of the API: admit, parse, ask one question, answer with tag and limits.

An endpoint is declared once; routing, checks, OpenAPI and docs/api.md are made from the declaration.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import anyio.to_thread
import msgspec
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actions.running import running_store
from actions.viewer import NotFound, Viewer
from api.answers import Answer
from api.bodies import read_json
from api.identity import Caller, admit
from api.questions import Nothing, Strict, from_body, from_query
from api.remembered import REMEMBERED
from api.repeats import once
from domain.periods import local_day
from store.opening import Store
from store.reports.scope import CompanyScope, find_company

#: Raised whenever an answer changes its shape: old tags must not match.
SHAPE = 2


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, of which store, and what stood in the path."""

    caller: Caller
    store: Store
    path: Mapping[str, str]

    @property
    def viewer(self) -> Viewer:
        """The person the key acts for."""
        return self.caller.viewer

    @property
    def now(self) -> Any:
        """The instant of asking."""
        return self.caller.now


@dataclass(frozen=True, slots=True)
class Reading(Asking):
    """The same with one moment of the database, and the company whose numbers are asked."""

    session: Session
    company: CompanyScope

    @property
    def today(self) -> Any:
        """The company's day."""
        return local_day(self.caller.now, self.company.time_zone)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer with another status than the endpoint's usual one."""

    body: Answer
    status: int


Ask: TypeAlias = Callable[[Any, Any], Any]
Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One operation. `ask` gets a Reading (GET) or an Asking (POST) and the question, and runs in a thread.

    `stamp` names everything but the question that a GET's answer depends on; its tag is then known before the answer
    is made. `handle` replaces the machinery where an answer is no JSON document. `refusals` are statuses of its own,
    `other_statuses` further ones with the same body. `is_tool` offers it to language models too.
    """

    method: str
    path: str
    name: str
    title: str
    group: str
    answer: Any
    question: type[Strict] = Nothing
    ask: Ask | None = None
    scope: str = ""
    about: str = ""
    stamp: Callable[[Reading], object] | None = None
    status: int = 200
    handle: Handler | None = None
    refusals: Mapping[int, str] | None = None
    media: tuple[str, ...] = ("application/json",)
    is_tool: bool = False
    other_statuses: tuple[int, ...] = ()

    @property
    def carried(self) -> Handler:
        """What answers a request for it."""
        return self.handle or (self._get if self.method == "GET" else self._post)

    async def _get(self, request: Request) -> Response:
        return await anyio.to_thread.run_sync(self._read, request)

    async def _post(self, request: Request) -> Response:
        caller = await anyio.to_thread.run_sync(admit, request, self.scope)
        from_query(Nothing, request)
        question = from_body(self.question, await read_json(request))
        asking = Asking(caller, running_store(), request.path_params)
        return await anyio.to_thread.run_sync(self._carry_out, request, asking, question)

    def _read(self, request: Request) -> Response:
        known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        with running_store().reading() as session:
            caller = admit(request, self.scope, session)
            question = from_query(self.question, request)
            reading = open_reading(session, caller, request.path_params)
            body, tag = self.body(reading, question, known)
        headers = {**request.state.limits, "ETag": tag, "Vary": "Authorization, Cookie"}
        if body is None:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=self.media[0])

    def body(self, reading: Reading, question: Strict, known: list[str]) -> tuple[bytes | None, str]:
        """The answer's bytes, None where the asker knows them, and their tag."""
        assert self.ask is not None
        if self.stamp is None:
            body = msgspec.json.encode(self.ask(reading, question))
            tag = _tag(hashlib.sha256(body))
            return (None if tag in known else body), tag
        told = (SHAPE, self.name, reading.company, dict(reading.path), question, reading.today, self.stamp(reading))
        tag = _tag(hashlib.sha256(repr(told).encode("utf-8", "replace")))
        if tag in known:
            return None, tag
        remembered = REMEMBERED.find(tag)
        if remembered is None:
            remembered = msgspec.json.encode(self.ask(reading, question))
            REMEMBERED.keep(tag, remembered)
        return remembered, tag

    def _carry_out(self, request: Request, asking: Asking, question: Strict) -> Response:
        def carry_out() -> tuple[int, bytes]:
            assert self.ask is not None
            found = self.ask(asking, question)
            answered = found if isinstance(found, Answered) else Answered(found, self.status)
            return answered.status, msgspec.json.encode(answered.body)

        # What stands in the path is asked too: the same body for another application is another request.
        operation = " ".join((self.name, *asking.path.values()))
        status, body, more = once(request, asking.store, asking.viewer, operation, question, carry_out)
        kind = "application/problem+json" if status >= 400 else "application/json"
        return Response(body, status, {**request.state.limits, **more}, media_type=kind)


def routes_of(endpoints: Iterable[Endpoint]) -> list[Route]:
    """One route for each path, so that who comes with another method is told of all there are."""
    by_path: dict[str, dict[str, Handler]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint.carried
    return [Route(path, _chosen(handlers), methods=list(handlers)) for path, handlers in by_path.items()]


def _chosen(handlers: Mapping[str, Handler]) -> Handler:
    async def answer(request: Request) -> Response:
        return await handlers["GET" if request.method == "HEAD" else request.method](request)

    return answer


def open_reading(session: Session, caller: Caller, path: Mapping[str, str]) -> Reading:
    """The asker's company at one moment. Raises NotFound where it is gone."""
    company = find_company(session, caller.viewer.company_id)
    if company is None:
        raise NotFound("There is no such company.")
    return Reading(caller, running_store(), path, session, company)


def _tag(digest: Any) -> str:
    return f'"{digest.hexdigest()[:32]}"'

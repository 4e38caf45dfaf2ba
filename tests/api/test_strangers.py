"""Addresses that nobody knows: never missed when they are there, and never a query each when they are not."""

import asyncio
import secrets

from api import strangers
from api.strangers import MOST_BY_ONE, MOST_WAITING, Strangers
from tests.loops import run


class Endpoints:
    """What is there, and how often somebody looked."""

    def __init__(self, *known: str) -> None:
        self.known, self.looks = set(known), 0

    async def read(self) -> frozenset[tuple[str, str]]:
        self.looks += 1
        found = frozenset(("x", one) for one in self.known)
        await asyncio.sleep(0)
        return found


def hook() -> str:
    return secrets.token_urlsafe(24)


def test_a_flood_from_everywhere_is_a_look_a_second():
    endpoints = Endpoints()

    async def flood() -> list[bool]:
        there = Strangers(endpoints.read)
        return await asyncio.gather(*(there.has(("x", hook()), f"203.0.113.{n % 250}") for n in range(3_000)))

    assert run(flood()) == [False] * 3_000
    assert endpoints.looks == 1


def test_who_keeps_asking_is_answered_without_a_look(monkeypatch):
    monkeypatch.setattr(strangers, "SECONDS", 0.0)
    endpoints = Endpoints()

    async def ask() -> None:
        there = Strangers(endpoints.read)
        for _ in range(MOST_BY_ONE * 3):
            assert not await there.has(("x", hook()), "203.0.113.7")
        # The minute of the clock may have ended meanwhile, once.
        assert MOST_BY_ONE <= endpoints.looks <= MOST_BY_ONE * 2
        new = hook()
        endpoints.known.add(new)
        assert await there.has(("x", new), "203.0.113.8"), "others are looked up as before"

    run(ask())


def test_finding_what_is_there_counts_against_nobody(monkeypatch):
    monkeypatch.setattr(strangers, "SECONDS", 0.0)
    endpoints = Endpoints()

    async def ask() -> None:
        there = Strangers(endpoints.read)
        for _ in range(MOST_BY_ONE + 10):
            new = hook()
            endpoints.known.add(new)
            assert await there.has(("x", new), "203.0.113.7")

    run(ask())


def test_an_address_made_a_moment_ago_is_found_in_the_middle_of_a_flood():
    endpoints, new = Endpoints(), hook()

    async def ask() -> bool:
        there = Strangers(endpoints.read)
        await there.has(("x", hook()), "203.0.113.7")
        flood = [asyncio.ensure_future(there.has(("x", hook()), f"a{n}")) for n in range(MOST_WAITING - 1)]
        endpoints.known.add(new)
        found = await there.has(("x", new), "203.0.113.8")
        await asyncio.gather(*flood)
        return found

    assert run(ask())
    assert endpoints.looks == 2


def test_one_made_while_others_are_being_read_is_found():
    endpoints, new = Endpoints(), hook()
    begun, go = asyncio.Event(), asyncio.Event()

    async def read() -> frozenset[tuple[str, str]]:
        found = await endpoints.read()
        begun.set()
        await go.wait()
        return found

    async def ask() -> bool:
        there = Strangers(read)
        first = asyncio.ensure_future(there.has(("x", hook()), "a"))
        await begun.wait()
        endpoints.known.add(new)
        second = asyncio.ensure_future(there.has(("x", new), "b"))
        go.set()
        await first
        return await second

    assert run(ask())


def test_what_is_no_address_of_ours_is_never_looked_for():
    endpoints = Endpoints()

    async def ask() -> list[bool]:
        there = Strangers(endpoints.read)
        return [await there.has(("x", one), "a") for one in ("", "nobody", "' OR 1=1--", "x" * 33, "é" * 32)]

    assert run(ask()) == [False] * 5
    assert endpoints.looks == 0


def test_a_database_that_is_gone_is_said_to_all_who_wait_and_asked_again_later(monkeypatch):
    monkeypatch.setattr(strangers, "SECONDS", 0.0)
    endpoints, one = Endpoints(), hook()
    endpoints.known.add(one)

    async def ask() -> bool:
        calls = 0

        async def read() -> frozenset[tuple[str, str]]:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise TimeoutError
            return await endpoints.read()

        there = Strangers(read)
        told = await asyncio.gather(*(there.has(("x", one), f"a{n}") for n in range(3)), return_exceptions=True)
        assert [type(each) for each in told] == [TimeoutError] * 3
        return await there.has(("x", one), "b")

    assert run(ask())


def test_many_at_once_for_one_new_address_from_one_platform_all_find_it():
    new = hook()
    endpoints = Endpoints(new)

    async def burst() -> list[bool]:
        there = Strangers(endpoints.read)
        return await asyncio.gather(*(there.has(("x", new), "203.0.113.7") for _ in range(MOST_BY_ONE * 4)))

    assert run(burst()) == [True] * MOST_BY_ONE * 4
    assert endpoints.looks == 1

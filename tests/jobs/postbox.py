"""A real mail server on loopback that keeps what it is given, and misbehaves when told to."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

#: Seconds a busy machine may take to start the server; aiosmtpd gives up after five.
START_SECONDS = 60.0


@dataclass
class Postbox:
    """A mail server's side: what it took, and its mood.

    greylist, refuse, forbid: an answer to RCPT; spam: to the message. drop: hangs up instead of an answer to the
    message, babble: answers it with nonsense. stall: answers nothing from RCPT on, mute: nothing to the message, and
    calls `when_mute`. kill: kills the process `victim` once it has the whole message.
    """

    mood: str = ""
    taken: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    tries: int = 0
    victim: int = 0
    when_mute: Callable[[], object] = bool

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        self.tries += 1
        if self.mood == "stall":
            await asyncio.sleep(600)
        answers = {
            "greylist": "451 4.7.1 Greylisted, try again later",
            "refuse": f"550 5.1.1 <{address}>: No such mailbox",
            "forbid": "550 5.7.1 Relaying denied",
        }
        if self.mood in answers:
            return answers[self.mood]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.mood == "spam":
            return "554 5.7.1 Looks like advertising"
        self.raw.append(envelope.content)
        self.taken.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        if self.mood == "kill":
            while not self.victim:
                await asyncio.sleep(0.01)
            os.kill(self.victim, signal.SIGKILL)
        if self.mood == "mute":
            self.when_mute()
            await asyncio.sleep(600)
        if self.mood == "drop":
            server.transport.abort()
        return "and now for something else" if self.mood == "babble" else "250 Taken"

    def recipients(self) -> list[str]:
        """Who got a message, once for each."""
        return sorted(address for addresses, _ in self.taken for address in addresses)


class _Server(Controller):
    """Listens where the system lets it: a port that was only found free may be somebody else's by now."""

    def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        return self.loop.create_server(self._factory_invoker, sock=listening)


@contextmanager
def mail_server(box: Postbox, **options: Any) -> Iterator[int]:
    """`box` behind a port of 127.0.0.1; `options` are aiosmtpd's."""
    server = _Server(box, hostname="127.0.0.1", ready_timeout=START_SECONDS, **options)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()

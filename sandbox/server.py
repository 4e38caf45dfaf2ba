"""The sandbox as a server: one application over one company, on one port."""

from __future__ import annotations

import gc
import logging
import socket
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from sandbox.clock import Clock
from sandbox.company import ZONE
from sandbox.credentials import open_account, remembered_anchor
from sandbox.front import Front
from sandbox.model import Company
from sandbox.registry import PLATFORMS
from sandbox.sockets import TransportProtocol
from sandbox.world import World


@dataclass(frozen=True)
class Options:
    """How the sandbox is started."""

    host: str = "127.0.0.1"
    port: int = 8601
    seed: int = 7
    state_dir: Path | None = None
    latency_ms: int = 0
    today: date | None = None


def build_world(options: Options, base_url: str) -> World:
    """The company and its accounts."""
    clock = Clock(options.today)
    anchor = remembered_anchor(options.seed, options.state_dir, clock.today(ZONE).isoformat())
    company = Company(options.seed, date.fromisoformat(anchor), clock)
    account = open_account(options.seed, options.state_dir)
    return World(clock=clock, company=company, account=account, base_url=base_url)


def build_app(world: World, latency_ms: int = 0) -> Front:
    """All platforms behind the layer that logs and misbehaves."""
    app = Starlette(routes=[route for routes in PLATFORMS for route in routes(world)])
    return Front(app, world, latency_ms)


class _Announcing(uvicorn.Server):
    """Says where it listens as soon as it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        port = sockets[0].getsockname()[1] if sockets else self.config.port
        sys.stdout.write(f"sandbox listening on http://{self.config.host}:{port}\n")
        sys.stdout.flush()


def serve(options: Options) -> None:
    """Listen until told to stop. Raises OSError when the port is taken."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((options.host, options.port))
    port = listener.getsockname()[1]
    world = build_world(options, f"http://{options.host}:{port}")
    # The story is half a million objects that never die: keep the collector from reading them again and again.
    gc.freeze()
    http: Any = TransportProtocol
    config = uvicorn.Config(
        build_app(world, options.latency_ms),
        host=options.host,
        port=port,
        http=http,
        ws="none",
        lifespan="off",
        date_header=False,
        server_header=False,
        access_log=False,
        log_level=logging.WARNING,
        timeout_graceful_shutdown=2,
    )
    _Announcing(config).run(sockets=[listener])

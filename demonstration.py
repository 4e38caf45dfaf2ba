"""The demo: sandbox, program and a made-up company with a year of data, started together and stopped together."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import httpx

from actions import demo as seeds
from actions.demo_live import LiveDemo
from actions.demo_publishing import seed_publishing
from actions.viewer import Viewer
from sandbox.launch import running as imitate
from settings import Settings
from store.opening import Store

ROOT = Path(__file__).resolve().parent
START_SECONDS = 180.0
STOP_SECONDS = 40.0
Say = Callable[[str], None]


def demonstrate(settings: Settings, opened: AbstractContextManager[Store], command: Sequence[str], say: Say) -> int:
    """Runs sandbox and program (by `command`) until the program ends; its exit code. Raises DemoRefused."""
    with imitate(port=settings.sandbox_port, state_dir=settings.data_dir / "sandbox") as platforms:
        told = platforms.control("credentials")
        with opened as store:
            people = seeds.seed_people(store, settings, told["company"], now=datetime.now(UTC))
            postings = platforms.control("postings")
            seeds.seed_postings(store, people.admin, postings)
            seeds.seed_link_rules(store, people.admin)
            app = subprocess.Popen(command, cwd=ROOT, start_new_session=True)  # noqa: S603 - our own arguments
            try:
                seeds.seed_connections(store, settings, people.admin, told)
                seeds.seed_applications(store, people.admin, told, platforms.control("ats.csv"))
                seed_publishing(store, settings, people.admin, postings)
                live = LiveDemo(store, settings, people.admin, platforms.control)
                live.seed(told)
                _await_app(settings, app)
                say(
                    f"\nDemo: http://localhost:{settings.port}\n  admin            {seeds.ADMIN_EMAIL}"
                    f"\n  hiring manager   {seeds.MANAGER_EMAIL}\n  password         {people.password}\n"
                    f"The sandbox listens on {platforms.url}. Ctrl-C stops both.\n"
                )
                _await_syncs(store, people.admin, app, say)
                live.run(lambda: app.poll() is not None, say)
                return app.wait()
            finally:
                _stop(app)


def _await_app(settings: Settings, app: "subprocess.Popen[bytes]") -> None:
    """Returns when the app answers. Raises DemoRefused when it ends, or takes START_SECONDS."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and app.poll() is None:
        try:
            with httpx.Client(trust_env=False, timeout=2) as client:
                if client.get(f"http://127.0.0.1:{settings.port}/health/ready").status_code == 200:
                    return
        except httpx.TransportError:
            time.sleep(0.2)
    raise seeds.DemoRefused("The app did not start; its own words stand above.")


def _await_syncs(store: Store, admin: Viewer, app: "subprocess.Popen[bytes]", say: Say) -> None:
    """Says how each connection's first sync ends, for as long as that takes."""
    told: dict[str, str] = {}
    while app.poll() is None:
        states = seeds.sync_states(store, admin)
        for name, state in states.items():
            if state not in {"pending", "running"} and told.get(name) != state:
                say(f"  {name}: {state}")
                told[name] = state
        if not {"pending", "running", "paused"} & set(states.values()):
            return
        time.sleep(0.5)


def _stop(app: "subprocess.Popen[bytes]") -> None:
    if app.poll() is None:
        app.terminate()
    try:
        app.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(app.pid, signal.SIGKILL)
        app.wait()

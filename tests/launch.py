"""Starts the product as its users start it, in a process of its own on a free port, and stops it."""

import itertools
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 300.0
STOP_SECONDS = 90.0
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "LD_LIBRARY_PATH")
#: Below what systems give away by themselves (Linux from 32768, others from 49152): a port that was free a moment ago
#: is not somebody's end of a connection when the program that is told of it has imported all and listens at last.
_PORTS = range(20_000, 32_000)
_SHARE = 200
_SETUP = re.compile(r"http://localhost:\d+/(\?setup=[\w-]+)")


@dataclass(frozen=True, slots=True)
class RunningApp:
    """A started app: its address, its process and the file its output goes to."""

    url: str
    process: "subprocess.Popen[bytes]"
    output: Path
    data_dir: Path

    @property
    def host(self) -> str:
        """Host and port, as a Host header says them."""
        return self.url.removeprefix("http://")

    def told(self) -> str:
        """What the program has written so far."""
        return self.output.read_text("utf-8", "replace")

    def setup_url(self) -> str:
        """The one-time link it printed; AssertionError when it printed none."""
        found = _SETUP.findall(self.told())
        assert found, self.told()
        return f"{self.url}/{found[-1]}"


@lru_cache(maxsize=1)
def _candidates() -> Iterator[int]:
    """Ports for this process, each for a while: processes of one suite, side by side, have others."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    # Numbered from their parent on: by their own ids two of them could begin at the same port.
    whose = os.getppid() + int(worker) if worker else os.getpid()
    first = whose * _SHARE % len(_PORTS)
    return itertools.cycle(_PORTS[first : first + _SHARE])


def free_port() -> int:
    """A port on loopback that nobody listens on now."""
    for port in itertools.islice(_candidates(), _SHARE):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")


def app_environment(database_url: str, data_dir: Path, more: Mapping[str, str]) -> dict[str, str]:
    """A clean environment: what a machine needs, and the product's settings."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    ours = {"DATA_DIR": str(data_dir), "WORKERS": "0", "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
    if database_url:
        ours["DATABASE_URL"] = database_url
    return kept | ours | dict(more)


def command(port: int, way: str) -> list[str]:
    """The two documented ways to start."""
    if way == "uvicorn":
        return [sys.executable, "-m", "uvicorn", "Home:app", "--host", "127.0.0.1", "--port", str(port)]
    address = ["--server.port", str(port), "--server.address", "127.0.0.1"]
    return [sys.executable, "-m", "streamlit", "run", "Home.py", *address]


@contextmanager
def running_app(
    database_url: str = "", data_dir: Path | None = None, *, way: str = "streamlit", ready: bool = True, **env: str
) -> Iterator[RunningApp]:
    """The product, started by `way` (streamlit, uvicorn) and answering; stopped at the end of the block.

    `env` holds settings such as WORKERS="1" (none run by default). With `ready` false it need not reach its database.
    """
    assert data_dir is not None
    data_dir.mkdir(parents=True, exist_ok=True)
    port = int(env.pop("PORT", "0")) or free_port()
    output = data_dir / "output.log"
    with output.open("ab") as sink:
        process = subprocess.Popen(
            command(port, way),
            cwd=ROOT,
            env=app_environment(database_url, data_dir, env),
            stdout=sink,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    app = RunningApp(f"http://127.0.0.1:{port}", process, output, data_dir)
    try:
        wait_until_up(app, "/health/ready" if ready else "/health/live")
        yield app
    finally:
        stop(process)


def wait_until_up(app: RunningApp, path: str) -> None:
    """Returns when `path` answers 200; AssertionError with the program's output when it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert app.process.poll() is None, app.told()
        try:
            if httpx.get(app.url + path, timeout=30, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{path} did not answer in {START_SECONDS} s:\n{app.told()}")


@contextmanager
def full_disk(app: RunningApp) -> Iterator[None]:
    """No file of the program grows meanwhile: neither its database nor its log."""
    before = resource.prlimit(app.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(app.process.pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(app.process.pid, resource.RLIMIT_FSIZE, before)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Asks the program to stop, and its whole process group to die when it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)

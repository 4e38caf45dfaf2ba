"""The processes that work: APScheduler's process pool, and what its children do on start, on signals and at the end.

A child ignores Ctrl-C (its parent drains it), gives its sync job back at the next page boundary on SIGTERM, and ends
when its parent dies. It opens the database itself and imports neither pages nor data frames.
"""

import multiprocessing
import multiprocessing.context
import multiprocessing.spawn
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import structlog
from apscheduler.executors.pool import ProcessPoolExecutor
from sqlalchemy.exc import SQLAlchemyError

import logs
from jobs.garbage import collect_seldom
from settings import Settings
from store.errors import StartError, StoreError
from store.opening import Store, attach_store

log = structlog.get_logger("jobs.supervise")
_spawning = threading.Lock()


class _LeanProcess(multiprocessing.context.SpawnProcess):
    """A spawned process that does not run its parent's main module again: that would import Streamlit, or a page."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802 - the name multiprocessing calls
        with _without_main():
            return multiprocessing.context.SpawnProcess._Popen(process_obj)


@contextmanager
def _without_main() -> Iterator[None]:
    """Leave the main module out of what a spawned child is told to prepare."""
    with _spawning:
        original = multiprocessing.spawn.get_preparation_data

        def lean(name: str) -> dict[str, Any]:
            told: dict[str, Any] = original(name)
            return {key: value for key, value in told.items() if not key.startswith("init_main")}

        multiprocessing.spawn.get_preparation_data = lean
        try:
            yield
        finally:
            multiprocessing.spawn.get_preparation_data = original


class _LeanContext(multiprocessing.context.SpawnContext):
    """Spawn, remembering the processes so that they can be told to drain."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[_LeanProcess] = []

    def Process(self, *args: Any, **named: Any) -> _LeanProcess:  # type: ignore[override]  # noqa: N802
        """A process of this context."""
        process = _LeanProcess(*args, **named)
        self.started = [earlier for earlier in self.started if earlier.is_alive()]
        self.started.append(process)
        return process


class WorkerPool(ProcessPoolExecutor):  # type: ignore[misc]
    """APScheduler's process pool with lean children. It replaces itself when a child dies; jobs resume by lease."""

    def __init__(self, processes: int, settings: Settings) -> None:
        self._context = _LeanContext()
        super().__init__(processes, {"mp_context": self._context, "initializer": _begin, "initargs": (settings,)})

    def pids(self) -> list[int]:
        """The children that live."""
        return [process.pid for process in self._context.started if process.pid and _lives(process)]

    def drain(self, patience: float) -> None:
        """Ask all children to stop at the next page boundary; kill those that have not after `patience` seconds."""
        deadline = time.monotonic() + patience
        children = [process for process in self._context.started if _lives(process)]
        for process in children:
            process.terminate()
        for process in children:
            process.join(max(deadline - time.monotonic(), 0.0))
            if _lives(process):
                log.warning("a worker did not stop in time", pid=process.pid)
                process.kill()
                process.join(5)


def _lives(process: _LeanProcess) -> bool:
    """Whether a child lives. The pool's own thread may have taken note of its end without having said so yet."""
    if not process.is_alive() or process.pid is None:
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


class _Child:
    """What one worker process knows."""

    settings: Settings
    store: Store | None = None
    name: str = ""
    is_stopping: bool = False
    busy: bool = False


_child = _Child()


def _begin(settings: Settings) -> None:
    """Initialise a child; the database is opened with the first task, so that its absence breaks no pool."""
    logs.configure(settings.log_level)
    logs.hide(*settings.secrets)
    _child.settings = settings
    _child.name = f"{socket.gethostname()}:{os.getpid()}"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _on_sigterm)
    threading.Thread(target=_follow_parent, name="follow parent", daemon=True).start()


def _on_sigterm(_number: int, _frame: FrameType | None) -> None:
    _child.is_stopping = True
    if not _child.busy:
        os._exit(0)


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    parent.join()
    _child.is_stopping = True
    deadline = time.monotonic() + 20
    while _child.busy and time.monotonic() < deadline:
        time.sleep(0.05)
    os._exit(0)


def in_child(task: Callable[[Store, Settings, str, Callable[[], bool]], None]) -> None:
    """Run a task with this child's store; waits out a database that cannot be opened."""
    _child.busy = True
    try:
        if _child.store is None:
            _child.store = attach_store(_child.settings)
            collect_seldom()
        task(_child.store, _child.settings, _child.name, lambda: _child.is_stopping)
    except StartError as error:
        log.warning("the database cannot be opened by a worker", reason=str(error))
    except (SQLAlchemyError, StoreError, TimeoutError):
        # The next tick tries again; leases bring back what was in the middle.
        log.warning("the database failed during a tick", exc_info=True)
    finally:
        _child.busy = False
        if _child.is_stopping:
            # Whoever asked us to stop waits for the process, not for this answer.
            os._exit(0)

"""The process's store, and whether its disk has room."""

import pytest

from actions import running
from store.opening import Store


def test_a_disk_without_room_for_another_sync_is_told_of(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    running.use_store(sqlite_store)
    try:
        assert running.has_room()
        monkeypatch.setattr(running, "LEAST_FREE_BYTES", 2**62)
        assert not running.has_room()
    finally:
        running.use_store(None)

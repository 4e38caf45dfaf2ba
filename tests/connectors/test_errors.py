"""What a person is told to do about each cause."""

import re

import pytest

from connectors.errors import CAUSES

#: What happens by itself, or can be seen, only where there is a sync.
_OF_SYNCS = re.compile("we try again|by itself|Sync now|sync job|last good numbers|Reconnect|sync goes on")


@pytest.mark.parametrize("key", sorted(CAUSES))
def test_a_form_that_was_not_saved_is_promised_nothing_that_only_a_sync_does(key: str) -> None:
    cure = CAUSES[key].form_cure
    assert cure.endswith(".")
    assert not _OF_SYNCS.search(cure), cure

"""Looks at personal data in full are written down: who looked at what, and when."""

from datetime import datetime

from actions.viewer import Viewer, deed
from store.engine import Urgency
from store.opening import Store
from store.writes.audit import append_audit


def note_disclosure(store: Store, viewer: Viewer, what: str, *, now: datetime) -> None:
    """Write into the audit log that `viewer` saw names and addresses in full."""
    with store.writing(Urgency.EVENT) as session:
        append_audit(session, deed(viewer, "personal_data.read", what), now=now)

"""Who asks: every action takes a viewer, checks the role and bounds its queries by the company."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from store.engine import Urgency
from store.opening import Store
from store.writes.audit import Deed, append_audit

ADMIN = "admin"
HIRING_MANAGER = "hiring_manager"


class NotAllowed(Exception):
    """The viewer's role does not allow this; nothing was done."""


class NotFound(Exception):
    """There is no such thing, or it belongs to another company: the two answer alike."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """A signed-in person, or a program acting for one."""

    user_id: uuid.UUID
    company_id: uuid.UUID
    role: str
    name: str
    email: str
    address_prefix: str = ""

    @property
    def is_admin(self) -> bool:
        """Whether the viewer may change connections, users and imports."""
        return self.role == ADMIN

    def require_admin(self) -> None:
        """Raises NotAllowed for anybody else."""
        if not self.is_admin:
            raise NotAllowed("Only an admin may do this.")


def require_admin(store: Store, viewer: Viewer, action: str, target: object = "", *, now: datetime) -> None:
    """`viewer.require_admin()`, with a refusal written into the audit log."""
    try:
        viewer.require_admin()
    except NotAllowed:
        with store.writing(Urgency.EVENT) as session:
            append_audit(session, deed(viewer, action, target, outcome="denied"), now=now)
        raise


def deed(viewer: Viewer, action: str, target: object = "", *, outcome: str = "ok", **facts: object) -> Deed:
    """What the viewer did to which, for the audit log."""
    return Deed(viewer.email, action, str(target), outcome, viewer.company_id, viewer.address_prefix, facts)

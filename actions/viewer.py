"""Who asks: every action takes a viewer, checks the role and bounds its queries by the company."""

import uuid
from dataclasses import dataclass

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

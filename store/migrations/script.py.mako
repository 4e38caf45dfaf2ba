"""${message}.

Revision ${up_revision}, after ${down_revision | comma,n}. Made on ${create_date.date()}.
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """There is no way back: restore the backup that was made before the migration."""
    raise NotImplementedError("restore the backup instead")

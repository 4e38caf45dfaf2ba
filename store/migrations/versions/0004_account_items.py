"""How many things a connection's platform reads one by one, to foretell what a sync costs."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("platform_configs", sa.Column("account_items", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    """There is no way back: restore the backup that was made before the migration."""
    raise NotImplementedError("restore the backup instead")

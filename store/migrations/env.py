"""How Alembic runs here: on the connection `store.migrate` hands over, or by hand with `-x url=…`."""

from alembic import context
from sqlalchemy import Connection
from sqlmodel import SQLModel

import store.tables  # noqa: F401 - fills the metadata
from store.engine import open_engine
from store.migrations.render import render_item


def migrate(connection: Connection) -> None:
    """All revisions in one transaction, so that a killed migration leaves the old schema or the new one."""
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        transactional_ddl=True,
        transaction_per_migration=False,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    with open_engine(context.get_x_argument(as_dictionary=True)["url"]).connect() as connection:
        migrate(connection)

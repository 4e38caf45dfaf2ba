"""Alembic revisions of the schema, applied at start by `store.migrate`."""

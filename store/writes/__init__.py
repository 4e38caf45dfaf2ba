"""Idempotent writes on natural keys. They return counts and never commit: the caller owns the transaction."""

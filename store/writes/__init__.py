"""Idempotent writes. None commits: the caller owns the transaction. Each returns counts of what it did."""

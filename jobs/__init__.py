"""Scheduled work: the clock, the worker, and what they carry out. The one place where connectors and store meet."""

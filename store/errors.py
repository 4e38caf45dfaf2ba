"""Errors of the store, named by what happens next.

StoreError
├── DatabaseUnwritable   reads still work; a person makes room or gives rights
└── StartError           the program must not start; the text says what to do
    └── DatabaseUnreachable   nobody answers yet: try again later
"""


class StoreError(Exception):
    """Base of what the store raises."""


class DatabaseUnwritable(StoreError):
    """The database cannot be written: disk full, read-only, or an input/output error. Nothing was changed."""


class StartError(StoreError):
    """The program must not start on this database; the text says why, and what to do."""


class DatabaseUnreachable(StartError):
    """The database server does not answer. It may later."""

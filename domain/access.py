"""What an API key may be allowed to do: scopes, in plain words, and which of them a role can give away."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """One permission of a key. `is_for_admins`: worth nothing in the hands of somebody who is none."""

    name: str
    label: str
    meaning: str
    is_for_admins: bool = False


SCOPES: tuple[Scope, ...] = (
    Scope("metrics:read", "Numbers", "Read numbers, postings and export them. No personal data."),
    Scope("applications:read", "Applications", "Read applications and referrals, names and addresses masked."),
    Scope("applications:personal", "Personal data", "See the names and addresses of applicants in full.", True),
    Scope("applications:write", "Tell of applications", "Enter applications and the stages they reached.", True),
    Scope("rewards:read", "Rewards", "Read what referrals earn, and what is owed and was paid for them.", True),
    Scope(
        "rewards:write", "Pay rewards", "Approve and turn down rewards, put them into payouts, note them as paid.", True
    ),
    Scope("referrals:write", "Refer people", "Refer candidates for postings, in any colleague's name.", True),
    Scope("syncs:read", "Sync jobs", "Read how syncs stand and what they brought."),
    Scope("syncs:write", "Ask for syncs", "Ask for syncs.", True),
    Scope("configs:read", "Connections", "Read how connections are set up; never their secrets.", True),
    Scope("configs:write", "Make connections", "Test and save connections.", True),
)
BY_NAME = {scope.name: scope for scope in SCOPES}


def scopes_of(*, is_admin: bool) -> frozenset[str]:
    """Everything a role may do.

    >>> sorted(scopes_of(is_admin=False))
    ['applications:read', 'metrics:read', 'syncs:read']
    """
    return frozenset(scope.name for scope in SCOPES if is_admin or not scope.is_for_admins)


def held(names: Iterable[str], *, is_admin: bool) -> frozenset[str]:
    """What a key with these scopes may do while its maker has this role: a demotion takes effect at once.

    >>> sorted(held(["metrics:read", "syncs:write", "gone:since"], is_admin=False))
    ['metrics:read']
    """
    return frozenset(names) & scopes_of(is_admin=is_admin)

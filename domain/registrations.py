"""How an address stands at a platform that registers addresses by API: what is wanted, tried, and said of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal

State = Literal["asked", "registered", "failing", "taken", "refused", "paused", "removed", "left"]
Step = Literal["", "register", "remove"]
#: Nothing of ours is at the platform, or nothing that we could still take away.
AWAY = frozenset({"paused", "removed", "left"})
_INSTANTS = frozenset({"due_at", "since", "until", "checked_at"})


@dataclass(frozen=True, slots=True)
class Registration:
    """`wanted` is an admin's wish; `state` what came of it; `step` what was tried last, for `address`, so many
    `attempts`.

    `former` is the address that was registered last, `since` (and `until`) as the platform tells or we saw; `due_at`
    the next look at it, None where only a person goes on. `cause` is a key of connectors.errors.CAUSES, `detail` the
    platform's words. `answers` are what the admin was asked for; `may_replace` that another program's address may go.
    """

    wanted: bool
    state: State = "asked"
    step: Step = ""
    address: str = ""
    former: str = ""
    attempts: int = 0
    due_at: datetime | None = None
    since: datetime | None = None
    until: datetime | None = None
    checked_at: datetime | None = None
    cause: str = ""
    detail: str = ""
    may_replace: bool = False
    answers: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As it is stored: JSON values only."""
        told = asdict(self)
        return {
            name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
            for name, value in told.items()
        }

    def next_step(self, *, can_stand: bool, address: str, now: datetime) -> Step:
        """What is to be done now; "" for nothing. `can_stand` says that address and connection are switched on.

        >>> from dataclasses import replace
        >>> now = datetime(2026, 11, 22, tzinfo=UTC)
        >>> asked = Registration(wanted=True)
        >>> there = replace(asked, state="registered", step="register", address="https://a.example/1")
        >>> [one.next_step(can_stand=True, address="https://a.example/1", now=now) for one in (asked, there)]
        ['register', '']
        >>> there.next_step(can_stand=True, address="https://b.example/1", now=now)
        'register'
        >>> there.next_step(can_stand=False, address="https://a.example/1", now=now)
        'remove'
        """
        step: Step = "register" if self.wanted and can_stand else "remove"
        if step == "remove" and self.state in AWAY:
            return ""
        if self.step != step or (step == "register" and self.address != address):
            return step
        return step if self.due_at is not None and self.due_at <= now else ""


def parse_registration(told: object) -> Registration | None:
    """From what `document` made; None where there is none."""
    if not isinstance(told, dict) or "wanted" not in told:
        return None
    known = {item.name for item in fields(Registration)}
    return Registration(**{name: _value(name, value) for name, value in told.items() if name in known})


def _value(name: str, value: object) -> Any:
    return datetime.fromisoformat(value) if name in _INSTANTS and isinstance(value, str) else value

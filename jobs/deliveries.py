"""What came of a try to deliver a message, whatever its channel."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

#: Called when the next step may deliver the message; False: it must not be sent any more.
Begin = Callable[[], bool]


class Delivery(Enum):
    """What came of a try. RETRY: certainly not delivered; UNKNOWN: perhaps; LEFT: `begin` said no, nothing was sent."""

    DONE = "done"
    RETRY = "retry"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Sent:
    """The outcome of one try, with the other side's words. `is_bounced`: there is no such address."""

    delivery: Delivery
    detail: str = ""
    is_bounced: bool = False

"""What a viewer narrowed the numbers to."""

from dataclasses import dataclass

from domain.platforms import BY_KEY


@dataclass(frozen=True, slots=True)
class Filters:
    """Platform keys to keep; empty keeps all. Unknown keys are refused.

    >>> Filters(("indeed",)).numbers
    (3,)
    >>> Filters().numbers
    ()
    """

    platforms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = [key for key in self.platforms if key not in BY_KEY]
        if unknown:
            raise ValueError(f"unknown platform: {', '.join(unknown)}")

    @property
    def numbers(self) -> tuple[int, ...]:
        """Their numbers in fact keys, in order."""
        return tuple(sorted(BY_KEY[key].number for key in set(self.platforms)))

"""JSON as strangers may send it: each key once, and numbers that are finite.

>>> strict_decoder().decode('{"a": 1.5}')
{'a': 1.5}
>>> strict_decoder().decode('{"a": 1, "a": 2}')
Traceback (most recent call last):
ValueError: a key is repeated
>>> strict_decoder().decode('[NaN]')
Traceback (most recent call last):
ValueError: NaN is not JSON
>>> strict_decoder().decode('[1e999]')
Traceback (most recent call last):
ValueError: a number is too large
"""

import json
import math
from collections.abc import Callable
from typing import Any


def strict_decoder(*, parse_int: Callable[[str], int] = int) -> json.JSONDecoder:
    """A decoder that raises ValueError where JSON's own takes what is none. Keep it: making one costs."""
    return json.JSONDecoder(
        parse_constant=_refuse_constant,
        parse_float=_finite,
        parse_int=parse_int,
        object_pairs_hook=_without_repeats,
    )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is repeated")
    return found

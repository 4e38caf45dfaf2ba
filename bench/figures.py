"""What a bench finds, and the table it stands in."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

#: A figure missed by more than this factor leaves the issue open; below it the table says "nearly".
NEARLY = 1.25


@dataclass(frozen=True, slots=True)
class Scale:
    """How much to do: `facts` in the large data set; `is_quick` for a run that only shows that everything works."""

    facts: int
    is_quick: bool = False

    def runs(self, number: int, quick: int) -> int:
        """How often to measure."""
        return quick if self.is_quick else number


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `limit` None: told, not judged; otherwise `value` is to be at most it, or at least it."""

    what: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        """yes, nearly (within a quarter), no; "" without a limit."""
        if self.limit is None:
            return ""
        missed = self.limit / max(self.value, 1e-12) if self.at_least else self.value / self.limit
        return "yes" if missed <= 1 else "nearly" if missed <= NEARLY else "no"

    @property
    def target(self) -> str:
        """The limit in words."""
        if self.limit is None:
            return ""
        return f"{'≥' if self.at_least else '≤'} {spelled(self.limit, self.unit)}"

    def cells(self) -> tuple[str, ...]:
        """What, figure, target, met, remark."""
        return self.what, spelled(self.value, self.unit), self.target, self.verdict, self.note


def spelled(value: float, unit: str) -> str:
    """A value with its unit, three digits or as many as it has.

    >>> spelled(1.234, "×"), spelled(17.26, "ms"), spelled(123456.7, "facts/s"), spelled(421, "MB")
    ('1.23 ×', '17.3 ms', '123 457 facts/s', '421 MB')
    """
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    number = f"{value:,.{digits}f}".replace(",", " ")
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}"


def table(figures: Iterable[Figure]) -> str:
    """Markdown."""
    rows = [("what", "figure", "target", "met", "remark"), ("---", "---:", "---:", "---", "---")]
    rows += [figure.cells() for figure in figures]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def timed(work: Callable[[], object], runs: int, warm: int = 2) -> list[float]:
    """Milliseconds of each of `runs` calls, after `warm` unmeasured ones."""
    for _ in range(warm):
        work()
    found = []
    for _ in range(runs):
        started = perf_counter()
        work()
        found.append((perf_counter() - started) * 1000)
    return found


def p50(values: Sequence[float]) -> float:
    """The median."""
    return median(values)


def p99(values: Sequence[float]) -> float:
    """The value that 99 of 100 do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]

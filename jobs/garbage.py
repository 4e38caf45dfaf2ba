"""How a worker process collects garbage: seldom. The facts of a page die by their reference counts alone."""

import gc

#: New objects that set off a collection; Python's own 700 would have it walk through every page several times.
_NEW_OBJECTS = 50_000


def collect_seldom() -> None:
    """Leave out of every later collection what lives now, and collect only after many new objects.

    For a process that works through pages: half the time of a sync went into collections that found nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 20, 20)

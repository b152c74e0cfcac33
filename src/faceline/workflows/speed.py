"""How long a model takes for one frame, as a user of it would wait."""

import statistics
import time
from collections.abc import Callable

WARM_UP, REPEATS = 3, 15


def milliseconds(work: Callable[[], object]) -> float:
    """The median time of some repeats, after some that are not counted."""
    for _ in range(WARM_UP):
        work()
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return 1000 * statistics.median(taken)

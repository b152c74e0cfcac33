"""Measures how long something takes, with enough repetitions."""

import gc
import statistics
import time
from collections.abc import Callable, Sequence


def seconds_of(step: Callable[[], object], repeats: int, warmup: int = 1) -> list[float]:
    """Return the wall time of each repetition, after some that do not count."""
    for _ in range(warmup):
        step()
    gc.collect()
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        step()
        taken.append(time.perf_counter() - began)
    return taken


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """Return median and 95th percentile in milliseconds."""
    ordered = sorted(seconds)
    late = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return {"median_ms": round(1000 * statistics.median(ordered), 3), "p95_ms": round(1000 * late, 3)}

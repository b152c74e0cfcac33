"""``faceline benchmark report``: time and memory of a report over a chain of stands."""

import json
import os
import platform
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from faceline.files import write_whole
from faceline.stand.events.synthetic import UPLIFT, write_events
from faceline.stand.report.effectiveness import Scope, measure
from faceline.stand.settings import BenchmarkReport


def main(settings: BenchmarkReport) -> None:
    """Write synthetic events, unless the folder has some, aggregate them and tell what that took."""
    with ExitStack() as stack:
        folder = Path(settings.folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="faceline-events-")))
        if not list(folder.glob("*.parquet")):
            began = time.perf_counter()
            write_events(folder, settings.events, settings.stands, settings.seed)
            print(f"events written in {time.perf_counter() - began:.0f} s")
        files = sorted(folder.glob("*.parquet"))
        # a process of its own: its peak of memory is that of the aggregation alone
        pool = stack.enter_context(ProcessPoolExecutor(1, get_context("spawn")))
        told = pool.submit(aggregate, files, settings.threads, settings.memory_gb).result()
    report = {**told, "memory_limit_gb": settings.memory_gb}
    output = Path(settings.output)
    with write_whole(output) as part:
        part.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(
        f"{report['events']:,} events of {report['stands']:,} stands ({report['megabytes']:,.0f} MB) aggregated in "
        f"{report['seconds']:.1f} s, peak memory {report['peak_gb']:.2f} GB, {report['threads']} threads; "
        f"uplift {report['relative']:+.1%} [{report['low']:+.1%}, {report['high']:+.1%}], made with {UPLIFT:+.0%}"
    )
    print(f"written to {output}")


def aggregate(files: list[Path], threads: int | None, memory_gb: float) -> dict[str, Any]:
    """Measure the figures of a report, and what that took of this process."""
    began = time.perf_counter()
    # the engine's limit leaves room for what it does not count
    scope = Scope(threads=threads, memory_gb=round(0.75 * memory_gb, 3))
    with tempfile.TemporaryDirectory(prefix="faceline-spill-") as spill:
        told = measure(files, scope, Path(spill))
    seconds = time.perf_counter() - began
    row = told.uplift.iloc[0]
    return {
        "events": sum(pq.read_metadata(file).num_rows for file in files),
        "stands": told.stands,
        "megabytes": sum(file.stat().st_size for file in files) / 1e6,
        "seconds": round(seconds, 2),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 3),
        "threads": threads or os.cpu_count(),
        "relative": float(row["relative"]),
        "low": float(row["relative_low"]),
        "high": float(row["relative_high"]),
        "duckdb": duckdb.__version__,
        "machine": platform.machine(),
    }

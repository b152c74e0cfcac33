"""``faceline compare`` over 200 runs: python -m pytest -m benchmark -s tests/benchmarks/test_compare_speed.py"""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.recorded import identification_run, landmark_run

from faceline.tracking.store import connect

RUNS, SECONDS = 200, 10.0


@pytest.mark.benchmark
def test_two_hundred_runs_are_compared_in_ten_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    client = connect(None, tmp_path)
    rng = np.random.default_rng(0)
    for i in range(RUNS):
        settings = {"data": {"size": 128}, "model": {f"key{k}": int(rng.integers(3)) for k in range(80)}}
        if i % 4 == 3:
            identification_run(client, "who", f"m{i}", float(rng.uniform(0.2, 0.9)), seed=i, config=settings)
            continue
        curve = {"val/nme": (0.3 / np.arange(1, 31) ** 0.5).tolist()}
        tags = {"protocol": "person_disjoint"} if i % 4 == 2 else None
        error, size = float(rng.uniform(0.03, 0.09)), float(rng.integers(1e5, 1e7))
        extra = {"tags": tags, "config": settings, "history": curve, "parameters": size, "videos": 190}
        landmark_run(client, "where", f"m{i}", error, seed=i, **extra)
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "faceline", "compare"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    seconds = time.perf_counter() - began
    sys.stdout.write(f"\ncompared {RUNS} runs in {seconds:.1f} s\n")
    assert f"{RUNS} runs on 3 leaderboards" in done.stdout
    assert (tmp_path / "mlruns" / "comparison" / "comparison.html").stat().st_size > 100_000
    assert seconds <= SECONDS

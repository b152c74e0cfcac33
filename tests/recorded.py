"""Runs without a training: figures drawn from a seed, written as ``faceline train`` writes them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric

from faceline.geometry.markup import REGIONS
from faceline.tracking.records import RunRecord, get_run
from faceline.tracking.runs import tracked_run

TAGS = {"data": "synthetic", "protocol": "official", "data_fingerprint": "d" * 16, "split_fingerprint": "s" * 16}
COSTS = {"train_seconds": 60.0, "seconds": 61.0, "peak_mb": 900.0, "best_epoch": 3.0}


def landmark_frames(nme: float, seed: int = 0, videos: int = 24, frames: int = 4) -> pd.DataFrame:
    """Errors frame by frame: videos are hard or easy for every model, the seed is the model's own part."""
    n = videos * frames
    hard = np.random.default_rng(99).gamma(4, 0.25, videos).repeat(frames)
    own = np.random.default_rng(seed).normal(1, 0.1, n).clip(0.5)
    names = [f"p{v // 2:02d}_{v % 2}" for v in range(videos) for _ in range(frames)]
    errors = {f"nme_{region}": nme * hard * own * (1 + 0.1 * i) for i, region in enumerate(REGIONS)}
    return pd.DataFrame(
        {
            "file": [f"{name}_{i % frames}.png" for i, name in enumerate(names)],
            "person": [name[:3] for name in names],
            "video": names,
            "mse": (nme * hard * own) ** 2 / 10,
            "nme": nme * hard * own,
            **errors,
        }
    )


def identification_frames(right: float, seed: int = 0, people: int = 12, videos: int = 3) -> pd.DataFrame:
    """Answers frame by frame: a video is named rightly or wrongly as a whole."""
    rng = np.random.default_rng(seed)
    person = np.arange(people).repeat(videos)
    wrong = rng.random(len(person)) > right
    guess = np.where(wrong, (person + rng.integers(1, people, len(person))) % people, person).repeat(4)
    person, video = person.repeat(4), np.arange(people * videos).repeat(4)
    return pd.DataFrame(
        {
            "file": [f"f{i:04d}" for i in range(len(person))],
            "person": [f"Person_{p:02d}" for p in person],
            "video": [f"v{v:03d}" for v in video],
            "predicted": [f"Person_{p:02d}" for p in guess],
            "score": rng.random(len(person)),
            "rank": np.where(guess == person, 1, 3),
        }
    )


def record_run(
    client: MlflowClient,
    experiment: str,
    name: str,
    frames: pd.DataFrame,
    scalars: Mapping[str, float],
    *,
    tags: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    history: Mapping[str, list[float]] | None = None,
) -> RunRecord:
    """A finished run with these figures of its test set."""
    headline = {"task": "landmarks", "model": name, "command": f"faceline train name={name}", **TAGS, **(tags or {})}
    with tracked_run(client, experiment, name, tags=headline) as run:
        run.log_config(config or {"name": name, "data": {"size": 64}})
        run.log_text(frames.to_csv(index=False, float_format="%.8g"), "test/frames.csv")
        epochs = [
            Metric(name, value, 0, i) for name, values in (history or {}).items() for i, value in enumerate(values)
        ]
        client.log_batch(run.id, metrics=epochs)
        run.log_metrics({**COSTS, **{f"test/{metric}": value for metric, value in scalars.items()}})
    return get_run(client, run.id)


def landmark_run(client: MlflowClient, experiment: str, name: str, nme: float = 0.05, **settings: Any) -> RunRecord:
    """A landmark detector with about this error; ``seed``, ``videos`` and ``parameters`` may be given."""
    table = landmark_frames(nme, settings.pop("seed", 0), settings.pop("videos", 24))
    scalars = {column: float(table[column].mean()) for column in table.columns[3:]}
    parameters = settings.pop("parameters", 1000.0)
    run = record_run(client, experiment, name, table, scalars, **settings)
    client.log_metric(run.id, "parameters", parameters)
    return get_run(client, run.id)


def identification_run(
    client: MlflowClient, experiment: str, name: str, right: float = 0.7, **settings: Any
) -> RunRecord:
    """A way of identifying that names about this share of the videos rightly; ``seed`` may be given."""
    table = identification_frames(right, settings.pop("seed", 0))
    rank1 = float((table["rank"] == 1).mean())
    scalars = {"f1_weighted": rank1, "f1_macro": rank1, "rank1": rank1, "rank5": 1.0}
    scalars |= {"f1_weighted_low": rank1 - 0.1, "f1_weighted_high": min(rank1 + 0.1, 1.0)}
    tags = {"task": "identification", "protocol": "video_disjoint", **(settings.pop("tags", None) or {})}
    return record_run(client, experiment, name, table, scalars, tags=tags, **settings)

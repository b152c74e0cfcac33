"""Finds the test frames that all models find hard."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from hydra.utils import instantiate
from PIL import Image

from faceline.config.check import check_targets
from faceline.data.cache import FrameStore, frames_at_hand
from faceline.errors import InputError
from faceline.reports.comparison_page import WorstFrame
from faceline.tracking.comparison import test_landmarks
from faceline.tracking.records import RunRecord

FRAMES = 6
_PIXELS = 160


def hardest_frames(runs: Sequence[RunRecord], frames: Mapping[str, pd.DataFrame]) -> list[WorstFrame]:
    """Return the frames with the largest mean error over the models, one from each video, with all landmarks.

    Args:
        runs: Landmark runs with the same test frames.
        frames: Test frames of each run, by its id.

    Raises:
        InputError: The frames cannot be drawn; the message says why.
    """
    table = next(iter(frames.values()))
    errors = np.stack([frames[run.id]["nme"].to_numpy() for run in runs])  # (models, n)
    picks = _one_a_video(errors.mean(axis=0), table["video"].to_numpy(dtype=np.str_))
    names = table["file"].to_numpy(dtype=np.str_)[picks]
    preds = np.stack([test_landmarks(run)[picks] for run in runs])  # (models, frames, 68, 2)
    store = _store_of(runs[0])
    place = {file: row for row, file in enumerate(store.index.files.tolist())}
    rows = [place[name] for name in names.tolist()]
    index = store.index.take(rows)
    return [
        WorstFrame(
            name=str(name),
            jpeg=_jpeg(store.images[row]),
            size=(int(index.sizes[i][0]), int(index.sizes[i][1])),
            target=index.landmarks[i],
            preds=preds[:, i] * index.sizes[i],
            nme=errors[:, picks[i]].tolist(),
        )
        for i, (name, row) in enumerate(zip(names, rows, strict=True))
    ]


def _one_a_video(errors: np.ndarray, videos: np.ndarray) -> np.ndarray:
    """Return the hardest frame of each of the hardest videos, the worst first."""
    order = np.argsort(-errors, kind="stable")
    _, first = np.unique(videos[order], return_index=True)
    return np.asarray(order[np.sort(first)[:FRAMES]])


def _store_of(run: RunRecord) -> FrameStore:
    """Return a run's test frames from the cache."""
    data = run.config["data"]
    check_targets(data)
    size, cache = int(data["size"]), Path(data["cache_dir"])
    store = frames_at_hand(instantiate(data["source"]), size, cache)
    if store is None:
        raise InputError(
            f"the frames are not in the cache {cache} at {size} px; compare where the models were trained, or fill it "
            f"with faceline data check data={run.tags['data']} data.size={size}"
        )
    if store.index.fingerprint != run.tags["data_fingerprint"]:
        raise InputError(f"the data have changed since run {run.id[:8]} was trained")
    return store


def _jpeg(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).resize((_PIXELS, _PIXELS), Image.Resampling.LANCZOS).save(stream, "JPEG", quality=80)
    return stream.getvalue()

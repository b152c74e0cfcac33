"""Which runs may be ranked together, and which of two is the better."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from faceline.errors import InputError
from faceline.metrics.paired import Paired, Resampled, resampled_error, resampled_identification
from faceline.outputs import from_csv_cell
from faceline.tracking.records import RunRecord, download
from faceline.types import Landmarks

FRAMES = "test/frames.csv"
"""What a run made of every test frame."""
LANDMARKS = "test/landmarks.npy"
"""(n, 68, 2) the landmarks that it found, on [0, 1] of each frame."""


class RankedBy(NamedTuple):
    """The figure of the test set by which the runs of a task are ranked.

    Attributes:
        name: As in ``test/frames.csv`` or as ``metrics.paired`` calls it.
        lowest: Whether the lowest is the best.
    """

    name: str
    lowest: bool

    @property
    def metric(self) -> str:
        """Its name among the metrics of a run."""
        return f"test/{self.name}"


RANKED_BY: Final = {"landmarks": RankedBy("nme", lowest=True), "identification": RankedBy("f1_weighted", lowest=False)}


class Terms(NamedTuple):
    """What two runs must share for their figures to be ranked together.

    Attributes:
        task: What was learnt.
        data: Name of the data set.
        fingerprint: The fingerprint of its content.
        protocol: What the test set has not seen in training.
        test: Digest of the test frames; in identification of the whole split, since who is enrolled is part of the
            test.
    """

    task: str
    data: str
    fingerprint: str
    protocol: str
    test: str


def terms_of(run: RunRecord) -> Terms:
    """The terms of a run.

    Raises:
        InputError: It did not reach its end or holds no figures of a test set; tells what is missing.
    """
    task, tags = task_of(run), run.tags
    if run.status != "FINISHED":
        raise InputError(f"run {run.id} is {run.status}: only finished runs are compared", column="run_id")
    missing = [tag for tag in ("data", "data_fingerprint", "protocol", "split_fingerprint") if tag not in tags]
    if task not in RANKED_BY or missing or RANKED_BY[task].metric not in run.metrics:
        wanted = f"the tag {missing[0]}" if missing else f"the figures of a test set ({_wanted(task)})"
        raise InputError(f"run {run.id} ({run.name}) has not {wanted}: it is no whole training", column="run_id")
    split = tags["split_fingerprint"]
    test = run.data.get("test", split) if task == "landmarks" else split
    return Terms(task, tags["data"], tags["data_fingerprint"], tags["protocol"], test)


def task_of(run: RunRecord) -> str:
    """Name of the task; runs that are older than tasks find landmarks."""
    return run.tags.get("task", "landmarks")


def why_apart(a: Terms, b: Terms) -> str | None:
    """The reason why two runs cannot be ranked together, in words; None where they can."""
    if a.task != b.task:
        return f"another task: {a.task}, not {b.task}"
    if a.data != b.data:
        return f"another data set: {a.data}, not {b.data}"
    if a.protocol != b.protocol:
        return f"another protocol: {a.protocol}, not {b.protocol}"
    if a.fingerprint != b.fingerprint:
        return f"another state of the data: {a.fingerprint[:8]}, not {b.fingerprint[:8]}"
    if a.test != b.test:
        return f"other test frames: {a.test[:8]}, not {b.test[:8]} (split.seed, its fractions or data.limit differ)"
    return None


def test_frames(run: RunRecord, table: str = FRAMES) -> pd.DataFrame:
    """What a run made of every test frame: file, person, video and the figures of its task.

    Args:
        run: A run with figures.
        table: Its file; of another part, too.

    Raises:
        InputError: The run has no such file.
    """
    texts = dict.fromkeys(("file", "person", "video", "predicted"), str)
    frames = pd.read_csv(download(run, table), dtype=texts, keep_default_na=False)
    return frames.assign(**{name: frames[name].map(from_csv_cell) for name in texts if name in frames})


def test_landmarks(run: RunRecord) -> Landmarks:
    """The landmarks that a run found in its test frames, for drawing.

    Raises:
        InputError: The run has no such file.
    """
    found: Landmarks = np.load(download(run, LANDMARKS), allow_pickle=False).astype(np.float32)
    return found


def compare_runs(a: RunRecord, b: RunRecord, table: str = FRAMES) -> Paired:
    """How much better A is than B by the figure of their task, on the same test frames.

    Args:
        a: A run with figures.
        b: Another one.
        table: The file with the frames; of another part, too.

    Raises:
        InputError: They cannot be compared; tells why.
    """
    terms = terms_of(a)
    reason = why_apart(terms, terms_of(b))
    if reason:
        raise InputError(f"run {a.id[:8]} cannot be compared with {b.id[:8]}: {reason}", column="run_id")
    tables = [test_frames(run, table) for run in (a, b)]
    if not same_frames(tables):
        raise InputError(f"{table} of {a.id[:8]} and {b.id[:8]} do not list the same frames", column="run_id")
    of_a, of_b = (resampled(terms.task, table) for table in tables)
    return of_a.against(of_b)


def resampled(task: str, frames: pd.DataFrame) -> Resampled:
    """The figure by which the runs of a task are ranked, from a run's test frames."""
    videos = frames["video"].to_numpy(dtype=np.str_)
    name = RANKED_BY[task].name
    if task == "landmarks":
        return resampled_error(frames[name].to_numpy(), videos)
    mated = (frames["rank"] > 0).to_numpy()
    named = [frames[column].to_numpy(dtype=np.str_)[mated] for column in ("predicted", "person")]
    preds, target = np.split(np.unique(np.concatenate(named), return_inverse=True)[1], 2)
    return resampled_identification(preds, target, videos[mated])[name]


def same_frames(tables: Sequence[pd.DataFrame]) -> bool:
    """Whether all list the same frames in the same order."""
    return all(np.array_equal(tables[0]["file"], table["file"]) for table in tables[1:])


def _wanted(task: str) -> str:
    return RANKED_BY[task].metric if task in RANKED_BY else f"the task is {task!r}"

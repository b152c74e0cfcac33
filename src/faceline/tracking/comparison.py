"""Decides which runs may be ranked together, and which of two is better."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from faceline.errors import InputError
from faceline.geometry.markup import IBUG68
from faceline.metrics.paired import Paired, Resampled, resampled_error, resampled_identification
from faceline.outputs import from_csv_cell
from faceline.tracking.records import RunRecord, download
from faceline.types import Landmarks

FRAMES = "test/frames.csv"
"""Artifact with a row for each test frame."""
LANDMARKS = "test/landmarks.npy"
"""Artifact with the predicted landmarks (n, 68, 2) on [0, 1] of each frame."""


class RankedBy(NamedTuple):
    """The test metric that ranks the runs of a task.

    Attributes:
        name: Name in ``test/frames.csv`` or in ``metrics.paired``.
        lowest: Whether the lowest is the best.
    """

    name: str
    lowest: bool

    @property
    def metric(self) -> str:
        """Name of the metric in a run."""
        return f"test/{self.name}"


RANKED_BY: Final = {"landmarks": RankedBy("nme", lowest=True), "identification": RankedBy("f1_weighted", lowest=False)}


class Terms(NamedTuple):
    """What two runs must share to be ranked together.

    Attributes:
        task: Name of the task.
        data: Name of the data set.
        fingerprint: Fingerprint of its content.
        protocol: What is new in the test set.
        test: Digest of the test frames; in identification of the whole split, because enrolment is part of the test.
        normaliser: The two landmarks in whose distance errors are measured; empty in identification.
    """

    task: str
    data: str
    fingerprint: str
    protocol: str
    test: str
    normaliser: str = ""


def terms_of(run: RunRecord) -> Terms:
    """Return the terms of a run.

    Raises:
        InputError: The run did not finish or has no test metrics; the message says what is missing.
    """
    task, tags = task_of(run), run.tags
    if run.status != "FINISHED":
        raise InputError(f"run {run.id} is {run.status}: only finished runs are compared", column="run_id")
    missing = [tag for tag in ("data", "data_fingerprint", "protocol", "split_fingerprint") if tag not in tags]
    if task not in RANKED_BY or missing or RANKED_BY[task].metric not in run.metrics:
        wanted = f"the tag {missing[0]}" if missing else f"the figures of a test set ({_wanted(task)})"
        raise InputError(f"run {run.id} ({run.name}) lacks {wanted}: its training is not complete", column="run_id")
    split = tags["split_fingerprint"]
    test, normaliser = split, ""
    if task == "landmarks":
        test = run.data.get("test", split)
        normaliser = run.params.get("markup.normaliser", str(list(IBUG68.normaliser)))  # runs older than markups
    return Terms(task, tags["data"], tags["data_fingerprint"], tags["protocol"], test, normaliser)


def task_of(run: RunRecord) -> str:
    """Return the name of the task; runs that are older than tasks find landmarks."""
    return run.tags.get("task", "landmarks")


def why_apart(a: Terms, b: Terms) -> str | None:
    """Return why two runs cannot be ranked together, in words; None if they can."""
    reasons = {
        "task": f"another task: {a.task}, not {b.task}",
        "data": f"another data set: {a.data}, not {b.data}",
        "protocol": f"another protocol: {a.protocol}, not {b.protocol}",
        "fingerprint": f"another state of the data: {a.fingerprint[:8]}, not {b.fingerprint[:8]}",
        "normaliser": f"another normaliser of errors: landmarks {a.normaliser}, not {b.normaliser} (markup.normaliser)",
        "test": f"other test frames: {a.test[:8]}, not {b.test[:8]} (split.seed, its fractions or data.limit differ)",
    }
    return next((reason for name, reason in reasons.items() if getattr(a, name) != getattr(b, name)), None)


def test_frames(run: RunRecord, table: str = FRAMES) -> pd.DataFrame:
    """Return a run's results for every test frame: file, person, video and the figures of its task.

    Args:
        run: Finished run.
        table: Name of the table, which may be of another set.

    Raises:
        InputError: The run has no such file.
    """
    texts = dict.fromkeys(("file", "person", "video", "predicted"), str)
    frames = pd.read_csv(download(run, table), dtype=texts, keep_default_na=False)
    return frames.assign(**{name: frames[name].map(from_csv_cell) for name in texts if name in frames})


def test_landmarks(run: RunRecord) -> Landmarks:
    """Return the landmarks that a run predicted for its test frames.

    Raises:
        InputError: The run has no such file.
    """
    found: Landmarks = np.load(download(run, LANDMARKS), allow_pickle=False).astype(np.float32)
    return found


def compare_runs(a: RunRecord, b: RunRecord, table: str = FRAMES) -> Paired | None:
    """Compare run A with run B by the metric of their task, on the same test frames.

    A single video shows nothing about others: then there is no comparison, and the result is None.

    Args:
        a: Finished run.
        b: Another finished run.
        table: Name of the table of frames, which may be of another set.

    Raises:
        InputError: The runs cannot be compared; the message says why.
    """
    terms = terms_of(a)
    reason = why_apart(terms, terms_of(b))
    if reason:
        raise InputError(f"run {a.id[:8]} cannot be compared with {b.id[:8]}: {reason}", column="run_id")
    tables = [test_frames(run, table) for run in (a, b)]
    if not same_frames(tables):
        raise InputError(f"{table} of {a.id[:8]} and {b.id[:8]} do not list the same frames", column="run_id")
    of_a, of_b = (resampled(terms.task, table) for table in tables)
    return of_a.against(of_b) if of_a is not None and of_b is not None else None


def resampled(task: str, frames: pd.DataFrame) -> Resampled | None:
    """Resample the ranking metric of a task from a run's test frames; None if they are of a single video."""
    videos = frames["video"].to_numpy(dtype=np.str_)
    if len(set(videos)) == 1:
        return None
    name = RANKED_BY[task].name
    if task == "landmarks":
        return resampled_error(frames[name].to_numpy(), videos)
    mated = (frames["rank"] > 0).to_numpy()
    named = [frames[column].to_numpy(dtype=np.str_)[mated] for column in ("predicted", "person")]
    preds, target = np.split(np.unique(np.concatenate(named), return_inverse=True)[1], 2)
    return resampled_identification(preds, target, videos[mated])[name]


def same_frames(tables: Sequence[pd.DataFrame]) -> bool:
    """Tell whether all tables list the same frames in the same order."""
    return all(np.array_equal(tables[0]["file"], table["file"]) for table in tables[1:])


def _wanted(task: str) -> str:
    return RANKED_BY[task].metric if task in RANKED_BY else f"the task is {task!r}"

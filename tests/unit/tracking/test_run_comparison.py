"""Which runs are ranked together, and the verdict on two of them."""

from dataclasses import replace

import numpy as np
import pytest
from mlflow import MlflowClient
from tests.recorded import identification_run, landmark_frames, landmark_run, record_run

from faceline.errors import InputError
from faceline.metrics.paired import resampled_error
from faceline.tracking.comparison import LANDMARKS, compare_runs, terms_of, why_apart
from faceline.tracking.comparison import test_landmarks as predicted
from faceline.tracking.records import download, get_run
from faceline.tracking.runs import tracked_run


def test_the_better_of_two_is_told_from_their_frames(client: MlflowClient) -> None:
    good = landmark_run(client, "comparison", "good", 0.04, seed=1)
    bad = landmark_run(client, "elsewhere", "bad", 0.05, seed=2)
    found = compare_runs(good, bad)
    a, b = landmark_frames(0.04, 1), landmark_frames(0.05, 2)
    of_a, of_b = (resampled_error(frames["nme"].to_numpy(), a["video"].to_numpy(dtype=str)) for frames in (a, b))
    assert found == pytest.approx(of_a.against(of_b), rel=1e-4)
    assert found.high < 0 and found.probability > 0.99
    assert compare_runs(bad, good).probability < 0.01


def test_landmarks_of_the_test_frames_are_read_as_numbers_only(client: MlflowClient) -> None:
    run = landmark_run(client, "landmarks", "one")
    with tracked_run(client, "landmarks", "", run_id=run.id) as again:
        again.log_array(np.full((2, 68, 2), 0.25), LANDMARKS)
    found = predicted(run)
    assert found.dtype == np.float32 and found.shape == (2, 68, 2) and (found == 0.25).all()
    np.save(download(run, LANDMARKS), np.array([{"code": "that runs"}]), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        predicted(run)


def test_identification_is_compared_by_f1(client: MlflowClient) -> None:
    good, bad = (identification_run(client, "who", name, right) for name, right in (("good", 0.9), ("bad", 0.3)))
    found = compare_runs(good, bad)
    assert found.difference > 0.3 and found.low > 0 and found.probability > 0.99
    assert found.videos == 36


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"task": "identification"}, "another task: landmarks, not identification"),
        ({"data": "udacity"}, "another data set: synthetic, not udacity"),
        ({"protocol": "person_disjoint"}, "another protocol: official, not person_disjoint"),
        ({"data_fingerprint": "e" * 16}, "another state of the data: dddddddd, not eeeeeeee"),
        ({"split_fingerprint": "t" * 16}, "other test frames: ssssssss, not tttttttt"),
    ],
)
def test_the_reason_why_two_runs_are_apart_is_told(client: MlflowClient, other: dict[str, str], reason: str) -> None:
    one = landmark_run(client, "apart", "one")
    two = landmark_run(client, "apart", "two", tags=other)
    two = replace(two, metrics={**two.metrics, "test/f1_weighted": 0.5})
    assert (why_apart(terms_of(one), terms_of(two)) or "").startswith(reason)
    with pytest.raises(InputError, match=rf"run {one.id[:8]} cannot be compared with {two.id[:8]}: {reason}"):
        compare_runs(one, two)


def test_landmarks_need_the_same_test_frames_only(client: MlflowClient) -> None:
    runs = []
    for split in ("a", "b"):  # say, another share for validation
        run = landmark_run(client, "same test", split, tags={"split_fingerprint": split * 16})
        runs.append(replace(run, data={"test": "f" * 16, "training": split * 16}))
    assert why_apart(*map(terms_of, runs)) is None
    people = [replace(run, tags={**run.tags, "task": "identification"}) for run in runs]
    people = [replace(run, metrics={**run.metrics, "test/f1_weighted": 0.5}) for run in people]
    assert "other test frames" in (why_apart(*map(terms_of, people)) or "")  # who is enrolled may differ


def test_errors_in_another_distance_are_not_compared(client: MlflowClient) -> None:
    outer, older, pupils = (
        landmark_run(client, "normalisers", name, config={"name": name, **markup})
        for name, markup in (
            ("outer", {"markup": {"normaliser": [36, 45]}}),
            ("older", {}),
            ("pupils", {"markup": {"normaliser": [0, 1]}}),
        )
    )
    assert why_apart(terms_of(outer), terms_of(older)) is None
    reason = "another normaliser of errors: landmarks [36, 45], not [0, 1] (markup.normaliser)"
    assert why_apart(terms_of(outer), terms_of(pupils)) == reason


def test_the_digest_of_the_test_frames_is_read_from_the_store(client: MlflowClient) -> None:
    with tracked_run(client, "digests", "r") as run:
        run.log_dataset("synthetic-test", "abc", split="official", context="test", profile={})
        run.log_dataset("synthetic-train", "def", split="official", context="training", profile={})
    assert get_run(client, run.id).data == {"test": "abc", "training": "def"}


def test_runs_without_figures_are_refused(client: MlflowClient) -> None:
    whole = landmark_run(client, "unfit", "whole")
    with pytest.raises(InputError, match=r"^key 'run_id': run \w{32} is RUNNING: only finished runs are compared$"):
        compare_runs(whole, replace(whole, status="RUNNING"))
    with pytest.raises(
        InputError,
        match=r"^key 'run_id': run \w{32} \(.+\) lacks the tag data_fingerprint: its training is not complete$",
    ):
        terms_of(replace(whole, tags={name: tag for name, tag in whole.tags.items() if name != "data_fingerprint"}))
    with pytest.raises(InputError, match=r"lacks the figures of a test set \(test/nme\)"):
        terms_of(replace(whole, metrics={}))
    with pytest.raises(InputError, match="the task is 'weather'"):
        terms_of(replace(whole, tags={**whole.tags, "task": "weather"}))


def test_frames_that_do_not_match_are_refused(client: MlflowClient) -> None:
    whole = landmark_run(client, "frames", "whole")
    part = record_run(client, "frames", "part", landmark_frames(0.05, videos=20), {"nme": 0.05})
    with pytest.raises(InputError, match=r"test/frames.csv of .* do not list the same frames"):
        compare_runs(whole, part)

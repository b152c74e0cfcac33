"""What a comparison draws of runs whose files are gone, partly there, or no longer fit the data."""

import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.recorded import landmark_run

from faceline.errors import InputError
from faceline.leaderboards.figures import closer_look
from faceline.leaderboards.hardest_frames import hardest_frames
from faceline.leaderboards.ranking import Ranked, grouped, ranked
from faceline.reports.comparison import board_verdict
from faceline.tracking.comparison import test_frames as frames_of
from faceline.tracking.records import RunRecord, find_runs
from faceline.tracking.store import connect


def board_of(runs: list[RunRecord]) -> Ranked:
    boards, apart = ranked(grouped(runs)[0])
    assert not apart
    return boards[0]


def test_a_run_without_its_files_keeps_its_place(tmp_path: Path) -> None:
    client = connect(None, tmp_path)
    runs = [landmark_run(client, "gone", name, nme) for name, nme in (("best", 0.03), ("next", 0.04), ("last", 0.05))]
    shutil.rmtree(urlsplit(runs[0].artifact_uri).path)
    found = board_of(runs)
    first, second, third = found.board.entries
    assert (first.label, first.interval, first.beats_next, second.behind) == ("best", None, None, None)
    assert second.interval and second.beats_next > 0.95 and third.beats_next is None
    assert "luck cannot be ruled out: that takes test frames of several videos at hand" in board_verdict(found.board)

    closer = closer_look(found, "b1")
    told = f"run {runs[1].id} has no artifact 'test/landmarks.npy'"  # and no path of this machine
    assert closer.no_worst == f"{told}: its files were deleted, or left behind when the store was moved"
    errors = next(plot for plot in closer.plots if plot.title == "How large the errors are")
    assert list(errors.series) == [(1, "next"), (2, "last")]  # in the colours of their places

    for run in runs[1:]:
        shutil.rmtree(urlsplit(run.artifact_uri).path)
    bare = closer_look(board_of(runs), "b1")
    assert bare.no_worst == "the runs' test frames are not at hand"
    assert {plot.title for plot in bare.plots} == {"NME against parameters", "NME against seconds of training"}


def test_frames_of_one_video_give_no_interval_and_no_probability(tmp_path: Path) -> None:
    client = connect(None, tmp_path)
    runs = [landmark_run(client, "one", name, nme, videos=1) for name, nme in (("best", 0.03), ("next", 0.04))]
    found = board_of(runs).board
    assert [(entry.interval, entry.beats_next, entry.behind) for entry in found.entries] == [(None, None, None)] * 2
    assert board_verdict(found).endswith("luck cannot be ruled out: that takes test frames of several videos at hand")


def test_costs_that_only_some_have_logged_are_not_drawn(tmp_path: Path) -> None:
    client = connect(None, tmp_path)
    runs = [landmark_run(client, "costs", f"m{i}", 0.03 + 0.01 * i) for i in range(3)]
    runs[0] = replace(runs[0], metrics={k: v for k, v in runs[0].metrics.items() if k != "parameters"})
    runs[2] = replace(runs[2], metrics={**runs[2].metrics, "ms_per_frame": 3.5})
    found = board_of(runs)
    assert found.board.cost_names() == {"parameters", "train_seconds", "ms_per_frame"}
    assert "NME against parameters" not in {plot.title for plot in closer_look(found, "b1").plots}


def test_frames_of_other_data_are_not_drawn(in_trained: Path) -> None:
    (run,) = find_runs(connect(None, in_trained))
    frames = {run.id: frames_of(run)}
    assert len(hardest_frames([run], frames)) == 6
    with pytest.raises(InputError, match="the data have changed since run"):
        hardest_frames([replace(run, tags={**run.tags, "data_fingerprint": "x"})], frames)

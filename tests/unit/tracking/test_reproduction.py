"""Under what two runs were made, and whether their figures agree."""

from dataclasses import replace

import pytest
from mlflow import MlflowClient
from tests.recorded import landmark_frames, landmark_run, record_run

from faceline.tracking.provenance import provenance
from faceline.tracking.records import get_run
from faceline.tracking.reproduction import changes, compare_figures, provenances
from faceline.tracking.runs import tracked_run

THEN = {
    "commit": "1" * 40,
    "python": "3.11.9",
    "threads": 1,
    "diff": "",
    "packages": {"torch": "2.11", "timm": None},
    "machine": {"cpu": "Fast One", "gpus": [], "os": "Linux", "memory_gb": 8},
}


def test_nothing_has_changed_in_the_same_process() -> None:
    assert changes(provenance(), provenance()) == []


def test_memory_is_no_part_of_a_result() -> None:
    assert changes(THEN, {**THEN, "machine": {**THEN["machine"], "memory_gb": 64}}) == []


@pytest.mark.parametrize(
    ("now", "line"),
    [
        ({"commit": None}, f"commit: {'1' * 40} then, not known now"),
        ({"diff": "--- a\n+++ b\n-x\n+y\n"}, "uncommitted changes: none then, 2 lines now; both runs keep theirs"),
        ({"packages": {"torch": "2.12", "timm": None}}, "torch: 2.11 then, 2.12 now"),
        ({"threads": 2}, "threads: 1 then, 2 now"),
        ({"python": "3.12.1"}, "python: 3.11.9 then, 3.12.1 now"),
        ({"machine": {**THEN["machine"], "cpu": "Faster"}}, "cpu: Fast One then, Faster now"),
        ({"machine": {**THEN["machine"], "os": "Other"}}, "os: Linux then, Other now"),
        ({"machine": {**THEN["machine"], "gpus": ["H1", "H1"]}}, "gpus: none then, H1, H1 now"),
    ],
)
def test_each_change_is_a_line(now: dict[str, object], line: str) -> None:
    assert changes(THEN, {**THEN, **now}) == [line]


def test_every_start_of_a_run_is_read_with_its_changes(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with tracked_run(client, "starts", "r") as run:
        for hour, diff in ((1, ""), (2, "+a dirty line\n")):
            monkeypatch.setattr("faceline.tracking.runs.time.strftime", lambda *_, hour=hour: f"2026010{hour}T000000Z")
            run.log_provenance({**THEN, "dirty": bool(diff), "diff": diff})
    clean, dirty = provenances(get_run(client, run.id))
    assert (clean["diff"], dirty["diff"]) == ("", "+a dirty line\n")
    assert clean["packages"] == dirty["packages"] == THEN["packages"]
    monkeypatch.setattr("faceline.tracking.reproduction.artifact_folder", lambda *_: None)  # as on a server
    assert provenances(get_run(client, run.id)) == [clean, dirty]


def test_figures_are_compared_to_the_last_digit(client: MlflowClient) -> None:
    runs = []
    for last in (0.125, 0.125 + 2**-54):
        run = landmark_run(client, "figures", "m", history={"val/nme": [0.5, last], "train/images_per_second": [last]})
        client.log_text(run.id, landmark_frames(last).to_csv(float_format="%.8g"), "val/frames.csv")
        client.log_metric(run.id, "train_seconds", last)
        runs.append(get_run(client, run.id))
    found = {figure.name: figure for figure in compare_figures(*runs)}
    tables = [name for name, figure in found.items() if figure.is_table]
    assert tables == list(found)[-2:] == ["test/frames.csv", "val/frames.csv"]
    figures = list(found)[:-2]
    first = [
        next(i for i, start in enumerate(("test/", "best_val/", "train/", "val/", "")) if name.startswith(start))
        for name in figures
    ]
    assert figures == [name for _, name in sorted(zip(first, figures, strict=True))]
    assert not {"train_seconds", "train/images_per_second", "seconds", "peak_mb"} & set(found)
    assert found["test/nme"].identical and found["test/frames.csv"].identical
    assert (found["val/nme"].identical, found["val/nme"].since) == (False, 1)
    assert (found["val/frames.csv"].then, found["val/frames.csv"].since) == (96, None)  # 2^-54 is below its digits
    assert all(figure.identical for figure in compare_figures(runs[0], runs[0]))


def test_a_figure_or_a_frame_that_only_one_run_has_is_a_difference(client: MlflowClient) -> None:
    runs = []
    for videos in (4, 5):
        table = landmark_frames(0.1, videos=videos)
        run = record_run(client, "only one", "m", table, {"nme": 0.1, f"of_{videos}": 1.0})
        client.log_text(run.id, "file\n", "val/frames.csv")
        runs.append(get_run(client, run.id))
    differing = {figure.name: figure for figure in compare_figures(*runs) if not figure.identical}
    assert set(differing) == {"test/of_4", "test/of_5", "test/frames.csv"}
    assert (differing["test/of_4"].now, differing["test/of_5"].then) == (None, None)
    assert differing["test/frames.csv"].since is not None


def test_a_figure_that_is_no_number_agrees_with_itself(client: MlflowClient) -> None:
    run = landmark_run(client, "nan", "m")
    client.log_text(run.id, "file\n", "val/frames.csv")
    run = replace(run, metrics={**run.metrics, "test/auc": float("nan")})
    assert all(figure.identical for figure in compare_figures(run, run))

"""`faceline compare` and `faceline data check`: what a reviewer and a newcomer see first."""

import json
import re
import shutil
from pathlib import Path

import pytest
from tests.commands.conftest import TINY
from tests.recorded import identification_run, landmark_run

from faceline.cli import main
from faceline.tracking.runs import tracked_run
from faceline.tracking.store import connect


def test_runs_are_ranked_among_their_like(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, rate in (("slow", "1e-6"), ("fast", "3e-3")):
        assert main(["train", *TINY, f"name={name}", f"model.lr={rate}"]) == 0
    capsys.readouterr()
    assert main(["compare", "output=out"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"│ +1 │ fast ", out) and re.search(r"│ +2 │ slow ", out)

    found = json.loads((workplace / "out" / "comparison.json").read_text())
    (board,) = found["boards"]
    assert [entry["label"] for entry in board["entries"]] == ["fast", "slow"]
    assert found["verdict"].startswith("fast leads with NME")
    assert board["differs"] == {"model.lr": ["0.003", "1e-06"], "name": ["fast", "slow"]}
    assert {"parameters", "train_seconds"} <= set(board["entries"][0]["costs"])
    low, high = board["entries"][0]["interval"]
    assert low < board["entries"][0]["figure"] < high
    assert (workplace / "out" / "comparison.md").read_text().startswith("**fast leads with NME")

    page = (workplace / "out" / "comparison.html").read_text()
    for title in ("Learning curves", "Error by region", "NME against parameters", "hardest frames"):
        assert title in page
    assert page.count("data:image/jpeg") == 6 and page.count('class="predicted"') == 12
    assert not list((workplace / "out").glob(".*"))

    shutil.rmtree(workplace / "mlruns" / "cache")
    assert main(["compare", "output=out"]) == 0
    page = (workplace / "out" / "comparison.html").read_text()
    assert "data:image/jpeg" not in page and "Not drawn: the frames are not in the cache" in page
    assert not (workplace / "mlruns" / "cache").exists()


def test_two_runs_are_reviewed(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client = connect(None, workplace)
    good = landmark_run(client, "one", "good", 0.04, seed=1, config={"model": {"lr": 0.1, "width": 8}})
    bad = landmark_run(client, "two", "bad", 0.05, seed=2, config={"model": {"lr": 0.2}})
    assert main(["compare", bad.id[:9], good.id]) == 0
    out = capsys.readouterr().out
    assert re.match(r"good is better than bad: \d\.\d\d points of NME lower \(95 %: .* probability of 99.9 %", out)
    found = json.loads((workplace / "mlruns" / "comparison" / "comparison.json").read_text())
    assert found["review"]["differs"] == {"model.lr": ["0.2", "0.1"], "model.width": [None, "8"]}
    page = (workplace / "mlruns" / "comparison" / "comparison.html").read_text()
    verdict, differs, figures = (page.index(text) for text in ("<h1>good is better", "What differs", "Leaderboard"))
    assert verdict < differs < figures
    draft = workplace / "mlruns" / "comparison" / ".comparison.html.partial"
    draft.write_text("half a page of another command")  # no two of them share a draft
    assert main(["compare", bad.id, good.id]) == 0
    assert draft.read_text() == "half a page of another command"
    draft.unlink()
    for _ in range(2):  # a later comparison takes the place of an earlier one
        notes = [client.get_run(run.id).data.tags["mlflow.note.content"] for run in (good, bad)]
        (link,) = {re.search(r"\[Compared with its like\]\(#(\S+)\)$", note)[1] for note in notes}
        assert (
            link.endswith(f"/runs/{good.id}/artifacts/comparison/comparison.html") and notes[0].count("Compared") == 1
        )
        kept = client.download_artifacts(good.id, "comparison/comparison.html")
        assert Path(kept).read_text() == (workplace / "mlruns" / "comparison" / "comparison.html").read_text()
        assert main(["compare"]) == 0

    other = landmark_run(client, "one", "other", 0.01, tags={"protocol": "person_disjoint"})
    assert main(["compare", good.id, other.id, "output=apart"]) == 0
    assert "good and other must not be ranked together: the second is of another protocol" in capsys.readouterr().out
    assert "Leaderboard" not in (workplace / "apart" / "comparison.html").read_text()


def test_equal_models_are_not_ranked_by_luck(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client = connect(None, workplace)
    one, two = (landmark_run(client, "luck", "same", 0.05, seed=seed) for seed in (1, 3))
    assert main(["compare", one.id, two.id]) == 0
    assert re.search(r"same \w{6} and same \w{6} cannot be told apart: .* may be luck", capsys.readouterr().out)


def test_runs_are_chosen_by_experiment_sweep_and_status(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client = connect(None, workplace)
    with tracked_run(client, "swept", "parent") as parent:
        pass
    for i, nme in enumerate((0.05, 0.04, 0.06)):
        run = landmark_run(client, "swept", f"trial{i}", nme)
        if i < 2:
            client.set_tag(run.id, "mlflow.parentRunId", parent.id)
    landmark_run(client, "elsewhere", "elsewhere", 0.01, tags={"tag.mine": "true"})
    with tracked_run(client, "elsewhere", "no figures", tags={"data_fingerprint": "d" * 16}):
        pass
    with pytest.raises(KeyboardInterrupt), tracked_run(client, "elsewhere", "k", tags={"data_fingerprint": "d" * 16}):
        raise KeyboardInterrupt

    def listed(*overrides: str) -> list[str]:
        assert main(["compare", *overrides]) == 0
        (board,) = json.loads((workplace / "mlruns" / "comparison" / "comparison.json").read_text())["boards"]
        return [entry["label"] for entry in board["entries"]]

    assert listed() == ["elsewhere", "trial1", "trial0", "trial2"]
    out = capsys.readouterr().out
    assert "left out: 1 finished without figures of a test set" in out and "left out: 1 killed" in out
    assert listed("tracking.experiment=swept") == ["trial1", "trial0", "trial2"]
    assert listed("tags=[mine]") == ["elsewhere"]
    assert listed(f"sweep_id={parent.id[:12]}") == ["trial1", "trial0"]


def test_identification_and_landmarks_have_boards_of_their_own(workplace: Path) -> None:
    client = connect(None, workplace)
    for name, right in (("good", 0.9), ("bad", 0.3)):
        identification_run(client, "who", name, right)
        landmark_run(client, "where", name)
    identification_run(client, "who", "known", 0.9, tags={"protocol": "frame_random"})
    assert main(["compare"]) == 0
    found = json.loads((workplace / "mlruns" / "comparison" / "comparison.json").read_text())
    titles = [(board["task"], board["protocol"], len(board["entries"])) for board in found["boards"]]
    assert titles == [("landmarks", "official", 2), ("identification", "video_disjoint", 2)]
    assert [one["reason"] for one in found["apart"]] == ["another protocol: frame_random, not video_disjoint"]
    page = (workplace / "mlruns" / "comparison" / "comparison.html").read_text()
    assert "Most often mixed up" in page and "Is the true person among the first?" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tags=[nobody]"], "no run matches"),
        (["tracking.experiment=nowhere"], "no experiment 'nowhere'"),
        (["abcdef"], "no run 'abcdef' in this store; nearest"),
        (["sweep_id=abcdef"], "no run 'abcdef' in this store"),
        (["output=FILE"], "in_the_way, key 'output': "),
        (["run_ids=[RUN,RUN]"], "the same run is given twice"),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_line(
    in_trained: Path, tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], store
) -> None:
    file = tmp_path / "in_the_way"
    file.touch()
    run_id = store(in_trained).search_runs(["1"])[0].info.run_id
    arguments = [argument.replace("RUN", run_id).replace("FILE", str(file)) for argument in arguments]
    assert main(["compare", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_run_alone_is_told_as_such(in_trained: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["compare", f"output={tmp_path}"]) == 0
    assert "cnn reaches NME" in capsys.readouterr().out


@pytest.mark.figures
def test_data_check_tells_and_draws(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["data.source.people=5", "data.source.videos=2", "data.source.frames=3", "data.size=32"]
    assert main(["data", "check", *small, "figure=out/data.png"]) == 0
    text = capsys.readouterr().out
    assert "people        5" in text
    assert "videos        10" in text
    assert (workplace / "out" / "data.png").read_bytes().startswith(b"\x89PNG")


def test_data_check_names_the_bad_row(workplace: Path, udacity_like: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = ["data=udacity", f"data.root={udacity_like}", "data.size=32"]
    assert main(["data", "check", *overrides]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "row 3" in error and "training_frames_keypoints.csv" in error
    assert not list((workplace / "mlruns" / "cache").glob("udacity*"))
    assert main(["data", "check", *overrides, "data.on_error=skip"]) == 0
    assert "skipped rows  1" in capsys.readouterr().out


def test_identification_is_ranked_by_f1_within_its_protocol(workplace: Path, capsys) -> None:
    crowd = ["data.source.people=10", "data.source.videos=2", "data.source.frames=4", "threads=1"]
    for method in ("gnb", "tree"):
        assert main(["train", f"experiment=identification/{method}", *crowd]) == 0
    assert main(["train", "experiment=identification/gnb", *crowd, "split.protocol=video_disjoint"]) == 0
    capsys.readouterr()
    assert main(["compare", "tracking.experiment=identification", "output=out"]) == 0
    out = capsys.readouterr().out
    assert out.count("identification · synthetic · frame_random") == 1
    rows = [line.split("│") for line in out.splitlines() if line.startswith("│")]
    assert sorted(cells[2].strip() for cells in rows) == ["gnb", "tree"]
    assert "another protocol: video_disjoint, not frame_random" in out
    found = json.loads((workplace / "out" / "comparison.json").read_text())["boards"][0]["entries"][0]
    assert found["interval"] == pytest.approx([found["scalars"][f"f1_weighted_{end}"] for end in ("low", "high")])

"""The benchmarks of input, training, inference and start: every number is there and fits the others."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from faceline.benchmarks import infer as benchmark_infer
from faceline.benchmarks import startup as benchmark_startup
from faceline.benchmarks.measure import publish
from faceline.benchmarks.plain_loop import PlainFrames, PlainLoop
from faceline.cli import main
from faceline.errors import InputError


@pytest.fixture
def measure(workplace: Path, udacity_like: Path):
    """Runs a benchmark on a few small frames; gives what it wrote."""
    few = [f"data.root={udacity_like}", "data.on_error=skip", "data.size=48", "data.batch_size=4", "threads=1"]

    def run(name: str, *overrides: str) -> dict[str, Any]:
        assert main(["benchmark", name, *few, "output=out/result.json", *overrides]) == 0
        (written,) = json.loads((workplace / "out" / "result.json").read_text()).values()
        assert written["made_with"]["machine"]["cpu"] and written["peak_mb"] > 0
        return written

    return run


@pytest.mark.slow
def test_training_is_timed_in_three_ways(measure) -> None:
    rows = measure("train", "backbones=[mobilenetv2_100]", "steps=2", "warmup=1")
    ways = {row["way"]: row for row in rows["training"]}
    assert list(ways) == ["plain loop", "faceline", "faceline, one batch"]
    for row in ways.values():
        assert row["images_per_second"] == pytest.approx(4 / (row["step_ms"] / 1000))
        ratio = row["images_per_second"] / ways["plain loop"]["images_per_second"]
        assert row["times_the_plain_loop"] == pytest.approx(ratio)


@pytest.mark.slow
def test_the_time_to_an_accuracy_ends_with_it(measure) -> None:
    written = measure("train", "backbones=[mobilenetv2_100]", "accuracy=10", "model/coarse_stage=window")
    plain, ours = written["race"]
    assert plain["reached"] and ours["reached"]
    assert plain["epochs"] == ours["epochs"] == 1 and plain["mse"] < 10
    assert ours["share_of_the_plain_loop"] == pytest.approx(ours["seconds"] / plain["seconds"])


@pytest.mark.slow
def test_the_plain_loop_is_given_up_when_it_has_taken_too_long(measure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PlainLoop, "predict", lambda _, frames, __: np.full((len(frames), 68, 2), 9.0))
    plain, ours = measure("train", "backbones=[resnet18]", "accuracy=10", "patience=0.01")["race"]
    assert ours["reached"] and not plain["reached"]
    assert plain["epochs"] == 1
    assert ours["share_of_the_plain_loop"] == pytest.approx(ours["seconds"] / plain["seconds"])


@pytest.mark.slow
def test_an_accuracy_that_is_not_reached_has_no_share(measure) -> None:
    plain, ours = measure("train", "backbones=[resnet18]", "accuracy=1e-9", "accuracy_epochs=2")["race"]
    assert not plain["reached"] and not ours["reached"]
    assert plain["epochs"] == ours["epochs"] == 2
    assert ours["share_of_the_plain_loop"] is None


@pytest.mark.slow
def test_preparing_frames_is_timed_and_grows_with_their_number(measure) -> None:
    written = measure("input", "frames=4", "scales=[64,192]", "scale_size=32")
    assert all(row["frames_per_second"] == pytest.approx(1000 / row["ms_a_frame"]) for row in written["frames"])
    assert written["frames"][0]["times_the_plain_way"] == 1
    few, many = written["growth"]
    assert (few["frames"], many["frames"]) == (64, 192)
    assert all(row["cache_seconds"] > 0 and row["epoch_seconds"] > 0 and row["memory_mb"] > 0 for row in (few, many))
    assert not list(Path("mlruns").glob("tmp*"))


@pytest.mark.slow
def test_inference_is_timed_in_every_form(measure, exported: Path) -> None:
    settings = ("repeats=3", "backbones=[mobilenetv2_100]", "size=64", "folder=20", "folder_heights=[null,300]")
    written = measure("infer", f"bundles=[default,{exported}]", *settings)
    rows = {(row["model"], row["form"]): row for row in written["one_frame"]}
    forms = ["onnxruntime int8", "onnxruntime", "onnxruntime int8", "torch", "onnxruntime"]  # the default has 8 bits
    assert [form for _, form in rows] == forms
    (_, shipped), (_, whole), (_, small), (_, eager), (_, graph) = rows.items()
    assert shipped["nme"] > 0 and shipped["kept"] is None
    assert graph["times_as_fast"] == pytest.approx(eager["median_ms"] / graph["median_ms"])
    assert whole["nme"] > 0 and small["kept"] in ("yes", "no: NME", "no: slower")
    small, large = written["folders"]
    assert (small["height"], large["height"]) == (None, 300)
    assert small["frames"] == large["frames"] == 20
    assert small["times_decoding"] == pytest.approx(small["seconds"] / small["decoding_seconds"])


@pytest.mark.parametrize(
    ("nme", "ms", "verdict"), [(0.0509, 1.0, "yes"), (0.0509, 3.0, "no: slower"), (0.0511, 1.0, "no: NME")]
)
def test_eight_bits_are_kept_only_where_they_are_faster_and_right(nme: float, ms: float, verdict: str) -> None:
    whole = {"nme": 0.05, "median_ms": 2.0}
    assert benchmark_infer._verdict({"nme": nme, "median_ms": ms}, whole) == verdict


def test_reports_of_other_benchmarks_in_a_file_stay(tmp_path: Path) -> None:
    file = tmp_path / "out" / "speed.json"
    for name, value in (("train", 1), ("infer", 2), ("train", 3)):
        publish(name, {"value": value}, file)
    assert {name: report["value"] for name, report in json.loads(file.read_text()).items()} == {"train": 3, "infer": 2}
    file.write_text("no report")
    with pytest.raises(InputError, match="holds something that this command does not write"):
        publish("infer", {"value": 4}, file)
    assert file.read_text() == "no report"


@pytest.mark.parametrize("benchmark", ["recognition", "counting", "stand", "report", "fleet", "startup", "infer"])
@pytest.mark.parametrize(
    ("output", "told"),
    [("notes/x.json", "cannot be written"), ("notes", "does not write"), (".", "is a folder, where a file is needed")],
)
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_measured(
    benchmark: str, output: str, told: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("notes").write_text("no report")
    assert main(["benchmark", benchmark, f"output={output}"]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and "key 'output'" in line and told in line
    assert [file.name for file in workplace.iterdir() if file.name != "notes"] == []


@pytest.mark.parametrize("benchmark", ["recognition", "counting"])
@pytest.mark.parametrize(
    ("given", "told"),
    [([], "is not known: give data_root=FOLDER"), (["data_root=nowhere"], "no such folder; give data_root=")],
)
def test_a_measurement_without_data_names_the_key_that_gives_them(
    benchmark: str, given: list[str], told: str, workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.delenv("FACELINE_DATA", raising=False)
    assert main(["benchmark", benchmark, "output=out.json", *given]) == 2
    assert told in capsys.readouterr().err


def test_starts_are_timed_and_a_failure_is_no_time(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        benchmark_startup, "COMMAND", (sys.executable, "-c", "import sys; print('epoch 1/1', file=sys.stderr)")
    )
    assert main(["benchmark", "startup", "repeats=2", "output=starts.json"]) == 0
    rows = json.loads(Path("starts.json").read_text())["startup"]["starts"]
    assert [row["start"] for row in rows] == list(benchmark_startup.TARGETS)
    for row in rows:
        expected = row["seconds"] / row["target"] if row["target"] else None
        assert row["share_of_the_target"] == (None if expected is None else pytest.approx(expected))
    monkeypatch.setattr(benchmark_startup, "COMMAND", (sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(Exception, match="exit status 3"):
        main(["benchmark", "startup", "repeats=1", "output=failed.json"])
    assert not Path("failed.json").exists()


def test_the_plain_loop_needs_files(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["data.source.people=8", "data.source.frames=3", "data.source.videos=1", "data.source.test_frames=1"]
    assert main(["benchmark", "input", "data=synthetic", "data.size=32", *small]) == 2
    assert "the plain loop reads files: choose data=udacity" in capsys.readouterr().err


def test_the_plain_loop_turns_points_with_the_pixels(tmp_path: Path) -> None:
    image = np.zeros((90, 120, 3), np.uint8)
    image[60:66, 30:36] = 255
    Image.fromarray(image).save(tmp_path / "spot.png")
    landmarks = np.full((68, 2), [32.5, 62.5])
    frames = PlainFrames([tmp_path / "spot.png"], [landmarks], 96)
    rows, columns = np.mgrid[:96, :96]
    np.random.seed(0)  # noqa: NPY002
    seen = 0
    for _ in range(20):
        pixels, points = frames[0]
        light = np.clip(pixels.numpy().mean(axis=0) - 0.5, 0, None)
        if light.sum() > 5:  # not turned out of the frame
            spot = [((columns + 0.5) / 96 * light).sum() / light.sum(), ((rows + 0.5) / 96 * light).sum() / light.sum()]
            assert points.numpy().reshape(68, 2)[0] == pytest.approx(spot, abs=0.012)
            seen += 1
    assert seen > 5

"""Values without a possible meaning, and what may not be built, are refused by their key before anything is read."""

import re
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from faceline.cli import main
from faceline.config.check import check
from faceline.config.hydra_node import check_hydra
from faceline.config.messages import explain
from faceline.config.quoting import quoted
from faceline.errors import InputError


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("model.lr=-1", "model.lr: expected a number above 0"),
        ("trainer.gradient_clip_val=nan", "trainer.gradient_clip_val: expected a finite number, got nan"),
        ("trainer.max_epochs=0", "expected at least 1, got 0: nothing would be trained; faceline evaluate measures"),
        ("name=../../etc", "name: expected a name of letters"),
        ("+hydra.callbacks.x._target_=os.mkdir", "os.mkdir is not allowed"),
        ("trainer.devices=999", "trainer.devices: expected at most"),
    ],
)
def test_the_command_refuses_before_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], override: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "experiment=landmarks/cnn", override]) == 2
    told = capsys.readouterr().err
    assert words in told and told.count("\n") == 1
    assert not (tmp_path / "mlruns").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [("lr", 0), ("loss.beta", -1), ("model.warmup", 2), ("val_check_interval", 0),
     ("lr", float("inf")), ("lr", float("nan")), ("patience", -1), ("people", 0), ("width", 0),
     ("gradient_clip_val", -1), ("max_epochs", -5), ("dropout", 1.5), ("anything", float("-inf"))],
)  # fmt: skip
def test_impossible_numbers_are_refused_wherever_they_are(key: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"a\.1\.{re.escape(key)}: expected"):
        check(OmegaConf.create({"a": [0, reduce(lambda inner, name: {name: inner}, reversed(key.split(".")), value)]}))


@pytest.mark.parametrize(
    "node",
    [
        {"callbacks": {"x": {"_target_": "os.mkdir"}}},
        {"launcher": {"_target_": "a plugin", "inner": {"_target_": "os.system"}}},
        {"sweeper": {"x": [{"_target_": "builtins.eval"}]}},
        {"job_logging": {"handlers": {"x": {"()": "os.mkdir"}}}},
        {"job_logging": {"handlers": {"x": {"class": "subprocess.Popen"}}}},
        {"hydra_logging": {"filters": {"x": "ext://os.environ"}}},
    ],
)
def test_what_hydra_would_build_first_is_on_the_list_too(node: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="is not allowed"):
        check_hydra(node)


PATHS = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=30)


@settings(max_examples=200)
@given(PATHS.filter(lambda path: path != "null" and path[0] not in "\"'" and "${" not in path))
def test_every_path_can_be_given_as_it_is(path: str) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser  # noqa: PLC0415

    for key in ("ckpt_path", "model.weights", "model.start", "embedder.bundle", "task.landmarks", "data.csv", "output"):
        (override,) = OverridesParser.create().parse_overrides(quoted([f"{key}={path}"]))
        assert override.key_or_group == key
        assert override.value() == path


def test_several_paths_of_a_sweep_stay_several() -> None:
    assert quoted(["-m", "data.root=a,b"]) == ["-m", "data.root=a,b"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("Expected more than 1 value per channel when training, got [1, 8]"), "data.batch_size: "),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's "
                      "workers are out of shared memory."), "data.workers=0"),
        (RuntimeError("unable to open shared memory object </torch_7_1> in read-write mode"), "data.workers=0"),
        (RuntimeError("Early stopping conditioned on metric `val/nme` which is not available."), "early_stopping: "),
        (ModuleNotFoundError("Requirement 'torch_xla>=1.13' not met."), "trainer: Requirement"),
        (FileNotFoundError(2, "No such file or directory", "/proc/x.csv"), "/proc/x.csv: is not there, or cannot"),
    ],
)  # fmt: skip
def test_errors_of_a_training_are_told_in_one_line(error: Exception, words: str, tmp_path: Path) -> None:
    told = explain(error, tmp_path)
    assert told is not None and words in told and "\n" not in told


def test_the_cause_is_told_and_not_what_broke_while_it_was_handled(tmp_path: Path) -> None:
    def raises(package: str, error: Exception) -> None:
        exec("raise error", {"__name__": package, "error": error})  # as code of that package does

    def fails() -> None:
        try:
            raises("multiprocessing.synchronize", OSError(30, "Read-only file system"))
        finally:
            raises("pytorch_lightning.utilities", RuntimeError("Please call `iter(combined_loader)` first."))

    with pytest.raises(RuntimeError) as caught:
        fails()
    assert "data.workers=0" in str(explain(caught.value, tmp_path))
    with pytest.raises(RuntimeError) as ours:
        raises("faceline.data", RuntimeError("a bug"))
    assert explain(ours.value, tmp_path) is None

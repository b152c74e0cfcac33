"""The command: help without imports, verbs, exit codes, one line for a user's mistake."""

import contextlib
import gc
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from faceline.cli import main
from faceline.verbs import VERBS

COMPARE = """\
defaults:
  - override hydra/job_logging: none
  - override hydra/hydra_logging: none
  - _self_
tags: []
sweep_id: null
run_ids: []
output: null
tracking:
  uri: null
  root: .
  experiment: toys
"""

HEAVY = "torch hydra omegaconf mlflow pandas numpy pydantic"


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], *([*verb.split(), "--help"] for verb in VERBS), ["results", "-h"], ["data", "-h"]],
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = f"""
import sys
from faceline.cli import main
assert main({arguments!r}) == 0
loaded = set({HEAVY!r}.split()) & set(sys.modules)
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "faceline" in done.stdout


def test_the_overviews_name_every_verb_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert main(["dev"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for verb in (*VERBS, "results"):
        assert sum(line.startswith(f"  {verb:<26}") for line in lines) == 1


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--epochs=3", "trainer.max_epochs="),
        ("--batch-size", "data.batch_size="),
        ("--lr", "model.lr="),
        ("--mutlirun", "--multirun?"),
        ("head=simcc", "model/head="),
        ("model/haed=simcc", "model/head="),
        ("model/head=simc", "model/head=simcc"),
    ],
)
def test_what_a_newcomer_types_is_answered_with_what_they_meant(
    typed: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", typed]) == 2
    assert f"did you mean {meant}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--version"], ["results", "--help"], ["data", "--help"], ["data", "check", "-h"]]
)
def test_help_answers_on_stdout(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    answer = capsys.readouterr()
    assert answer.out.startswith("faceline ")
    assert answer.err == ""


def test_the_help_of_a_verb_has_examples_choices_and_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "seed=1", "--help"]) == 0
    text = capsys.readouterr().out
    for part in (
        "examples:",
        "trainer=cpu | ddp | ddp_sim | gpu",
        "model/head=voting | heatmap",
        "model/coarse_stage= (none) | window",
        "debug= (none) | fdr | limit",
        "ckpt_path=",
        "--multirun",
    ):
        assert part in text


def test_the_help_of_a_verb_says_what_is_required_and_shows_no_choice_of_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["promote", "--help"]) == 0
    text = capsys.readouterr().out
    assert "run_id=…                   Required. A finished run." in text
    assert "???" not in text
    assert "choices" not in text


def test_the_help_of_a_verb_explains_the_keys_of_a_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    assert "split.protocol=official    What the test set asks:" in capsys.readouterr().out
    assert main(["compare", "--help"]) == 0
    text = capsys.readouterr().out
    assert "tracking.experiment=null   By default all experiments." in text
    assert "tracking.…" not in text


def test_without_a_verb_the_overview_is_shown_as_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("faceline: find the landmarks of faces")
    assert told.out == ""


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "faceline", "trian"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "faceline: error: trian: no such verb; did you mean train?; see faceline --help\n"


@contextlib.contextmanager
def broken_stdout() -> Iterator[None]:
    """A pipe whose reader has gone, as in ``faceline … | head``."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream, contextlib.redirect_stdout(stream):
        yield


def test_a_reader_that_leaves_early_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    with broken_stdout():
        assert main(["train", "--help"]) == 1
    assert capsys.readouterr().err == ""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs a command; gives its exit code and what it wrote to stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # Hydra's would outlive the captured stream

    def run(*arguments: str) -> tuple[int, str]:
        code = main(list(arguments))
        return code, capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["evalute"], "evalute: no such verb; did you mean evaluate?"),
        (["data"], "data: not the whole of a verb; expected one of check;"),
        (["data", "chek"], "data chek: no such verb; did you mean check?; see faceline data --help"),
        (["results", "--chek"], "results --chek: expected nothing, --check or --add RUN_ID"),
        (["results", "--add"], "results --add: expected nothing"),
        (["results", "--add", "abc", "--as"], "results --add abc --as: expected nothing"),
        (["train", "--multrun"], "--multrun: no such flag; did you mean --multirun?"),
        (["train", "--cfg"], "argument --cfg/-c: expected one argument"),
        (["train", "--cfg", "jbo"], "argument --cfg/-c: invalid choice: 'jbo'"),
        (["train", "sead=1"], "sead: no such key; did you mean seed?"),
        (["train", "-m", "sead=1,2"], "sead: no such key; did you mean seed?"),
        (
            ["train", "experiment=landmarks/cn"],
            "experiment=landmarks/cn: no such option; did you mean",
        ),
        (["train", "seed"], "seed: not an override"),
        (["compare", "+tasg=[a]"], "tasg: no such key; did you mean tags?"),
        (["data", "check", "task=shapes"], "task: this command has no such choice; leave it out"),
        (
            ["data", "check", "data.root=data"],
            "data.root: SyntheticFaces reads no folder; say what yours holds, as in data=pts or data=csv",
        ),
        (
            ["evaluate", "split=official"],
            'split: expected a mapping, got "official"; set its keys, as in split.protocol=…',
        ),
        (["compare", "tags=a"], "tags: expected a list"),
        (["compare", "abc", "def", "tags=a"], "tags: expected a list"),  # the runs themselves were understood
        (["predict", "--config-dir", "nowhere"], "--config-dir: no such folder"),
        (["predict"], "input: missing; give it a value with input="),
        (["predict", "inptu=x.jpg"], "inptu: no such key; did you mean input?"),
    ],
)
def test_a_mistake_is_told_in_one_line(command: Callable[..., Any], arguments: list[str], expected: str) -> None:
    code, errors = command(*arguments)
    assert code == 2
    assert errors.startswith(f"faceline: error: {expected}")
    assert errors.count("\n") == 1
    assert errors.endswith("\n")


@pytest.fixture
def workflow(command: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs ``faceline compare`` with another body: the ways in which a workflow can end."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "compare.yaml").write_text(COMPARE)

    def run(body: Callable[[Any], float | None], *overrides: str) -> tuple[int, str]:
        module = ModuleType("faceline.commands.compare")
        module.main = body  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "faceline.commands.compare", module)
        return command("compare", *overrides, "--config-path", str(tmp_path / "conf"))

    return run


def fail(error: BaseException) -> Callable[[Any], float | None]:
    def body(cfg: Any) -> float | None:
        raise error

    return body


def test_overrides_reach_the_workflow_and_the_arguments_stay(workflow: Callable[..., Any]) -> None:
    seen: list[Any] = []
    before = list(sys.argv)

    def body(cfg: Any) -> None:
        seen.append((cfg, list(sys.argv), os.environ["NO_ALBUMENTATIONS_UPDATE"], os.environ["DO_NOT_TRACK"]))

    assert workflow(body, "tags=[a,b]", "tracking.experiment=other") == (0, "")
    ((cfg, argv, *environment),) = seen
    assert (cfg.tags, cfg.tracking.experiment) == (["a", "b"], "other")
    assert argv == before  # from which Lightning starts the other processes of a distributed run
    assert environment == ["1", "true"]


def test_a_refused_config_never_reaches_the_workflow(workflow: Callable[..., Any]) -> None:
    code, errors = workflow(fail(AssertionError("reached")), "tracking.experiment=3")
    assert (code, errors) == (2, "faceline: error: tracking.experiment: expected text, got 3\n")
    assert gc.isenabled()


def test_garbage_is_collected_while_a_workflow_runs(workflow: Callable[..., Any]) -> None:
    seen: list[bool] = []
    assert workflow(lambda _: seen.append(gc.isenabled())) == (0, "")
    assert seen == [True] and gc.isenabled()


def test_a_sweep_runs_every_combination_and_goes_on_after_a_mistake(workflow: Callable[..., Any]) -> None:
    seen: list[str] = []

    def body(cfg: Any) -> float:
        seen.append(cfg.output)
        return 1.0

    code, errors = workflow(body, "output=a,3,b", "-m", "run_ids=[x]")
    assert seen == ["a", "b"]
    assert (code, errors) == (2, "faceline: error: output: expected text, got 3\n")
    assert workflow(body, "--multirun", "output=a,b") == (0, "")


def test_flags_of_hydra_work(workflow: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    code, errors = workflow(fail(AssertionError("reached")), "--cfg", "job", "tracking.experiment=shown")
    assert (code, errors) == (0, "")


def test_a_full_disk_is_told_in_one_line(workflow: Callable[..., Any]) -> None:
    code, errors = workflow(fail(OSError(28, "No space left on device", "cache.npy")))
    assert (code, errors) == (2, "faceline: error: the disk is full: cache.npy; free some space and start again\n")


def test_an_interrupt_is_told_in_one_line(workflow: Callable[..., Any]) -> None:
    assert workflow(fail(KeyboardInterrupt())) == (130, "faceline: interrupted\n")


def test_an_interrupt_that_lightning_made_an_exit_is_one_still(workflow: Callable[..., Any]) -> None:
    def body(cfg: Any) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            sys.exit(1)

    assert workflow(body) == (130, "faceline: interrupted\n")


def test_another_exit_stays_an_exit(workflow: Callable[..., Any]) -> None:
    with pytest.raises(SystemExit) as stop:
        workflow(fail(SystemExit(5)))
    assert stop.value.code == 5


def test_a_bug_keeps_its_traceback(workflow: Callable[..., Any]) -> None:
    with pytest.raises(ZeroDivisionError):
        workflow(fail(ZeroDivisionError("a bug")))


def test_a_reader_that_leaves_a_workflow_is_quiet(
    workflow: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    def body(cfg: Any) -> None:
        sys.stdout.write("x" * 100_000)
        sys.stdout.flush()

    with broken_stdout(), pytest.raises(SystemExit) as stop:
        workflow(body)
    assert stop.value.code == 1
    assert capsys.readouterr().err == ""


def test_results_are_told_what_to_do(command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []
    module = ModuleType("faceline.commands.results")
    module.main = lambda **settings: seen.append(settings)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "faceline.commands.results", module)
    for arguments in ([], ["--check"], ["--add", "abc"], ["--add", "abc", "--as", "large"]):
        assert command("results", *arguments) == (0, "")
    assert seen == [{}, {"check": True}, {"add": "abc"}, {"add": "abc", "name": "large"}]


def test_nothing_is_told_after_the_line_of_a_mistake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Untidy:
        def __del__(self) -> None:
            raise AttributeError("what a loader says that could not start")

    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    assert main(["predict", "there-is-no-such-photo.jpg"]) == 2
    Untidy()
    assert capsys.readouterr().err.count("\n") == 1

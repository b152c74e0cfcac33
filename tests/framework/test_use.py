"""The commands of the how-to page that need no data set and no cluster, run as they stand, on two tiny runs."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tests.engines import free_port

from faceline.cli import main

ROOT = Path(__file__).parents[2]
TINY = ["debug=limit", "threads=1", "data.size=64"]
NEEDED = {
    "evaluate", "compare", "predict", "export", "reproduce", "promote", "rollback", "runs", "stand", "simulate",
    "accounts", "tokens", "ship",
}  # fmt: skip
QUICK = {
    "stand": ["seconds=2", f"port={free_port()}"],
    "simulate": ["days=3", "audiences_per_day=60"],
}
HELD = {"promote": (0, 3), "reproduce": (0, 3)}
"""Exit codes; 3 is an answer: the champion stays, or two starts differ."""


@pytest.mark.slow
def test_the_how_to_page_goes_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(ROOT / "docs/synthetic_faces.jpg", "photo.jpg")
    for seed in (0, 1):
        assert main(["train", "experiment=landmarks/cnn", *TINY, f"seed={seed}"]) == 0
    client = MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    experiments = [each.experiment_id for each in client.search_experiments()]
    first, second = (str(run.info.run_id) for run in client.search_runs(experiments))
    assert main(["promote", f"run_id={first}"]) == 0
    assert main(["promote", f"run_id={second}", "force=true", "reason=a test"]) == 0
    done = set()
    for words in _commands():
        ids = iter((first, second))
        named = [re.sub(r"\bRUN$", lambda _, ids=ids: next(ids), word) for word in words]
        code = main([*named, *QUICK.get(words[0], [])])
        assert code in HELD.get(words[0], (0,)), (words, capsys.readouterr().err)
        done.add(words[0])
    assert done == NEEDED


def _commands() -> list[list[str]]:
    """The words of each command of the page that can run here."""
    text = (ROOT / "docs/use.md").read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    split = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("faceline")]
    return [
        words for words in split if words[0] in NEEDED and not re.search(r"data=|stores=|bundle=|int8=", str(words))
    ]

"""Every command and every block of code of the tutorial, in order, in an empty folder."""

import re
import shlex
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from faceline.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"


@pytest.mark.slow
def test_the_tutorial_goes_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    done = 0
    for language, block in re.findall(r"```(bash|python|yaml)\n(.*?)```", PAGE.read_text(), re.DOTALL):
        if language == "python":
            exec(block, {})
        elif language == "yaml":
            Path("conf/experiment/mine.yaml").write_text(block)
        for line in block.splitlines() if language == "bash" else ():
            words = shlex.split(line)
            if words[0] == "cd":
                monkeypatch.chdir(words[1])
            elif words[0] == "faceline":
                quick = ["threads=1"] if words[1] == "train" else []
                assert main([word.replace("RUN", _best()) for word in words[1:]] + quick) == 0, line
                done += 1
    assert done == 11
    assert len(_runs("tags.`faceline.trial` != ''")) == 4  # two by Optuna here, two on Ray
    assert len(Path("found.csv").read_text().splitlines()) == 2


def _best() -> str:
    """The finished single run; none before there is a store."""
    found = _runs("metrics.`test/nme` < 1000") if Path("mlruns/mlflow.db").is_file() else []
    return str(found[0].info.run_id) if found else "RUN"


def _runs(which: str) -> list[Run]:
    """Runs of the store, the best first."""
    client = MlflowClient(f"sqlite:///{Path.cwd()}/mlruns/mlflow.db")
    experiments = [each.experiment_id for each in client.search_experiments()]
    return list(client.search_runs(experiments, which, order_by=["metrics.`best_val/nme` ASC"]))

"""Every command and the Python of README, in order, as a reader types them; trainings are limited to a few frames."""

import re
import shlex
import shutil
from itertools import cycle
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tests import drawn

from faceline import SyntheticFaces
from faceline.benchmarks.serving import free_port
from faceline.cli import main

ROOT = Path(__file__).parents[2]
QUICK = {"train": ["debug=limit", "threads=1", "data.size=64"], "stand": ["seconds=2", f"port={free_port()}"]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the commands of README name: a photo, photos with a table, a film; all drawn."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(ROOT / "docs/synthetic_faces.jpg", "photo.jpg")
    faces = SyntheticFaces(people=12, videos=1, frames=4)
    drawn.write_table(Path("photos"), faces)
    drawn.write_film(Path("film.mp4"), faces)
    return tmp_path


@pytest.mark.slow
def test_the_readme_goes_through(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = []
    for language, block in re.findall(r"```(sh|python)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL):
        if language == "python":
            exec(block, {})
            assert capsys.readouterr().out.count("[") > 1  # faces were printed
        for line in block.splitlines() if language == "sh" else ():
            words = shlex.split(line, comments=True)
            if words[:1] == ["make"]:
                words = ["faceline", "stand"] if words[1] == "stand" else []
            if words[:1] == ["faceline"]:
                runs = cycle(_runs())
                words = [next(runs) if word == "RUN" else word for word in words[1:]]
                assert main([*words, *QUICK.get(words[0], [])]) == 0, (line, capsys.readouterr().err)
                done.append(words[0])
    assert {"predict", "train", "compare", "data", "runs", "init", "stand"} <= set(done)


def _runs() -> list[str]:
    """The ids of the runs, of the same data first; a name where there is no store yet."""
    if not Path("mlruns/mlflow.db").is_file():
        return ["RUN"]
    client = MlflowClient(f"sqlite:///{Path.cwd()}/mlruns/mlflow.db")
    experiments = [each.experiment_id for each in client.search_experiments()]
    return [str(run.info.run_id) for run in client.search_runs(experiments, "tags.data = 'synthetic'")] or ["RUN"]

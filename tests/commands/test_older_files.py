"""Stores, checkpoints and bundles of the version before the modules moved give the same figures to the last digit."""

import json
import tarfile
from pathlib import Path

import pytest

from faceline.cli import main

ARCHIVE = Path(__file__).parents[1] / "fixtures" / "store_0.1.tar.xz"
"""Made at commit 1e0aad4: a store with four runs, the bundle of one, and what ``faceline evaluate`` said of each."""

RUNS = {
    "af47bb3f07c24219a39f7a0a45fce5b9": "m-f2b4008b84a9406fadebbab47121733a",  # landmarks, with a coarse stage
    "1d0c48db7d614e81aa8a657635e46c94": "m-b27f7a327b07449386a6fe9967e8fe17",  # a network on shapes
    "9e2a5d208f414d6587711bc2db283797": "m-101c71fdc38a46249877c6f2556f58a4",  # nearest neighbours on shapes
    "a50dea2266be411bbc555d5c5b5b9f56": "m-b03f0d10b0964c36a148bfa1ca6d2e2a",  # a face embedder
}
"""The folder of each run's model."""

FACES = ("data=synthetic", "data.source.people=8", "data.source.videos=2", "data.source.frames=4", "threads=1")


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("older")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


def figures(folder: Path) -> dict[str, object]:
    """The figures, without what files of then did not tell: the rows that were left out, and a bundle's file name."""
    found: dict[str, object] = json.loads((folder / "metrics.json").read_text())
    return {key: value for key, value in found.items() if key not in ("skipped", "model")}


def figures_then(older: Path, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((older / "evaluated" / f"{name}.json").read_text())
    return {key: value for key, value in found.items() if key != "model"}


@pytest.mark.parametrize(("run", "model"), RUNS.items())
def test_a_model_of_before_has_the_figures_of_before(
    older: Path, run: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (file,) = (older / "mlruns" / "artifacts" / "models" / model / "artifacts").iterdir()
    assert main(["evaluate", f"ckpt_path={file}", "output=now"]) == 0
    assert figures(tmp_path / "now") == figures_then(older, run)


def test_a_bundle_of_before_has_the_figures_of_before(
    older: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", f"bundle={older / 'landmarks.faceline'}", "output=now", *FACES]) == 0
    assert figures(tmp_path / "now") == figures_then(older, "landmarks")

"""What can be done without what is an extra, and how the rest is refused."""

import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path

import cv2
import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from faceline.config.messages import OPTIONAL, explain
from faceline.config.tree import conf_dir

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
OWNERS = packages_distributions()
"""Packages by the modules that they bring."""
WITHOUT = """
import sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)

sys.meta_path.insert(0, NotInstalled())
from faceline.cli import main
for arguments in sys.argv[2:]:  # one command after another
    code = main(arguments.split())
    if code:
        break
sys.exit(code)
"""

PYTHON = """
import numpy as np

import faceline

print(faceline.load("default").detect(np.zeros((96, 96, 3), np.uint8)).shape)
for call in (lambda: faceline.load("abc"), lambda: faceline.train, lambda: faceline.LandmarkDetector):
    try:
        call()
    except ModuleNotFoundError as error:
        print(error)
"""

Run = Callable[..., tuple[int, str]]


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(each).name) for each in requirements}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Commands as they are with some extras installed and no others; their exit code and what they say."""
    cv2.imwrite(str(tmp_path / "photo.jpg"), np.full((96, 96, 3), 128, np.uint8))

    def run(*commands: str, extras: tuple[str, ...] = ()) -> tuple[int, str]:
        extra = PROJECT["optional-dependencies"]
        there = names(PROJECT["dependencies"]).union(*(names(extra[name]) for name in extras))
        absent = set().union(*map(names, extra.values())) - there - {"faceline"}
        modules = [
            module for module, owners in OWNERS.items() if {canonicalize_name(owner) for owner in owners} <= absent
        ]
        assert "torch" in modules
        answer = subprocess.run(
            [sys.executable, "-c", WITHOUT, ",".join(modules), *commands],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return answer.returncode, answer.stdout + answer.stderr

    return run


def test_a_photo_needs_no_extra(run: Run, tmp_path: Path) -> None:
    code, told = run("predict photo.jpg faces=whole min_confidence=0 overlays=drawn", "--help", "train --help")
    assert code == 0 and "landmarks.csv" in told
    assert list((tmp_path / "drawn").iterdir())


def test_python_loads_a_bundle_without_an_extra_and_says_which_the_rest_needs() -> None:
    code = WITHOUT.split("from faceline.cli", maxsplit=1)[0] + PYTHON
    absent = "torch,pytorch_lightning,pandas,hydra,matplotlib,mlflow,sklearn"
    answer = subprocess.run([sys.executable, "-c", code, absent], capture_output=True, text=True, check=True)
    shape, *lines = answer.stdout.splitlines()
    assert shape == "(68, 2)" and len(lines) == 3
    assert all(line.endswith("is not installed; pip install 'faceline[train]'") for line in lines)


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("train experiment=landmarks/cnn", "train"),
        ("predict run_id=abc input=photo.jpg", "train"),
        ("results", "train"),
        ("stand", "stand"),
        ("report", "stand"),
        ("consent", "stand"),
    ],
)
def test_what_needs_an_extra_says_which(run: Run, command: str, extra: str) -> None:
    code, told = run(command)
    assert code == 2
    assert "is not installed; pip install" in told
    assert told.endswith(f"'faceline[{extra}]'\n")
    assert told.count("\n") == 1


def test_a_stand_needs_nothing_that_trains(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code, told = run(
        f"stand port={port} seconds=0.1",
        "consent",
        "accounts",
        "tokens",
        "webhooks",
        "ship to=chain",
        "simulate days=1 audiences_per_day=40",  # and a report
        extras=("stand",),
    )
    assert code == 0, told


@pytest.mark.slow
def test_the_speed_of_a_stand_is_measured_without_what_trains(run: Run) -> None:
    code, told = run("benchmark stand seconds=0.5 soak_seconds=0", extras=("stand",))
    assert code == 0, told


def test_a_server_of_postgresql_needs_its_driver(run: Run) -> None:
    code, told = run("ship store=postgresql://nobody@127.0.0.1:1/x to=chain", extras=("stand",))
    assert (code, told) == (
        2, "faceline: error: the package psycopg is not installed; pip install 'faceline[postgresql]'\n"
    )  # fmt: skip


def test_every_package_of_an_extra_is_told_and_no_other() -> None:
    of_extras = names([each for extra in PROJECT["optional-dependencies"].values() for each in extra]) - {"faceline"}
    told = {canonicalize_name(owner) for module in OPTIONAL for owner in OWNERS.get(module, [])}
    assert of_extras - told <= {"pillow-heif", "ray"}  # not installed for tests
    assert not told & names(PROJECT["dependencies"])
    assert explain(ModuleNotFoundError("No module named 'x'", name="x"), conf_dir()) is None

"""What the package says of itself, to Python, to indexes and to readers of its repository."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import faceline

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_every_place_tells_the_same_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    changed = re.findall(r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert faceline.__version__ == PROJECT["version"] == cited["version"] == changed[0]
    assert f"## {cited['version']} ({cited['date-released']})" in (ROOT / "CHANGELOG.md").read_text()
    assert "__version__" in dir(faceline)


def test_help_on_the_package_lists_its_names() -> None:
    listed = re.findall(r"^ {4}\w+ {3,}(.+)$", faceline.__doc__ or "", re.MULTILINE)
    assert sorted(", ".join(listed).split(", ")) == sorted(set(dir(faceline)) - {"__version__"})


def test_training_from_python_says_nothing_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import faceline; faceline.train"],
        env={name: value for name, value in os.environ.items() if name != "TORCH_LOGS"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_classifiers_name_the_versions_of_python_that_ci_tests() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    tested = {"3.11", *jobs["resolved"]["strategy"]["matrix"]["python"]}
    assert {one.split()[-1] for one in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", one)} == tested


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda form: form.stem
)
def test_issue_forms_ask_for_something(form: Path) -> None:
    told = yaml.safe_load(form.read_text())
    assert told["name"]
    assert told["description"]
    fields = [field for field in told["body"] if field["type"] != "markdown"]
    assert all(field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields)


def test_paths_of_code_owners_exist() -> None:
    lines = (ROOT / ".github/CODEOWNERS").read_text().splitlines()
    paths = [line.split()[0] for line in lines if line and not line.startswith("#")]
    assert paths
    assert all((ROOT / path.lstrip("/")).exists() for path in paths)

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceline.tracking import provenance as module
from faceline.tracking.provenance import config_digest, provenance, without

KEYS = st.text("abc", min_size=1, max_size=2)
CONFIGS = st.dictionaries(
    KEYS,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


def _git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=trunk"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package in a clean checkout."""
    package = tmp_path / "src" / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("one = 1\n")
    _git(tmp_path, "init")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-m", "first")
    return package


def test_a_clean_checkout(package: Path) -> None:
    found = provenance(package)
    assert found["commit"] == _git(package, "rev-parse", "HEAD")
    assert (found["branch"], found["dirty"], found["diff"]) == ("trunk", False, "")


def test_a_changed_file_is_dirty_and_in_the_diff(package: Path) -> None:
    (package / "__init__.py").write_text("one = 2\n")
    found = provenance(package)
    assert found["dirty"] is True
    assert "-one = 1\n+one = 2\n" in found["diff"]


def test_a_new_file_is_dirty_and_in_the_diff(package: Path) -> None:
    (package.parents[1] / "new.py").write_text("two = 2\nthree = 3\n")
    found = provenance(package)
    assert found["dirty"] is True
    assert "+++ b/new.py\n@@ -0,0 +1,2 @@\n+two = 2\n+three = 3\n" in found["diff"]


def test_a_link_to_nowhere_such_as_an_editor_leaves_is_passed_over(package: Path) -> None:
    (package.parents[1] / ".#new.py").symlink_to("somebody@somewhere.1234")
    (package.parents[1] / "new.py").write_text("two = 2\n")
    assert "+two = 2\n" in provenance(package)["diff"]


def test_a_diff_is_cut(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DIFF_LIMIT", 100)
    (package / "__init__.py").write_text("x" * 500)
    diff = provenance(package)["diff"]
    assert len(diff) < 200
    assert "[cut: " in diff


def test_a_detached_checkout_has_no_branch(package: Path) -> None:
    _git(package, "checkout", "--detach")
    found = provenance(package)
    assert (found["branch"], len(found["commit"])) == (None, 40)


def test_an_installed_package_in_somebodys_checkout_has_no_commit(package: Path) -> None:
    installed = package.parents[1] / ".venv" / "package"
    installed.mkdir(parents=True)
    (installed / "__init__.py").touch()
    assert provenance(installed)["commit"] is None


def test_outside_of_git_there_is_no_commit(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").touch()
    found = provenance(tmp_path)
    assert [found[name] for name in ("commit", "branch", "dirty", "diff")] == [None] * 4


def test_without_git_there_is_no_commit(package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance(package)["commit"] is None


def test_neither_the_working_folder_nor_a_hook_changes_the_answer(
    package: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("other")
    _git(other, "init")
    commit = _git(package, "rev-parse", "HEAD")
    monkeypatch.chdir(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert provenance(package)["commit"] == commit


def test_versions_threads_and_machine() -> None:
    found = provenance()
    assert found["python"] == platform.python_version()
    for name in ("numpy", "mlflow", "hydra-core", "opencv-python-headless"):
        assert found["packages"][name][0].isdigit()
    assert found["faceline"]
    assert found["machine"]["memory_gb"] > 0.1
    assert 1 <= found["machine"]["cores"] <= found["machine"]["processors"]
    assert found["machine"]["cpu"]
    text = json.dumps({name: value for name, value in found.items() if name != "diff"})
    assert platform.node() not in text


def test_threads_are_torchs() -> None:
    code = (
        "from faceline.tracking.provenance import provenance as p\n"
        "before = p()\n"
        "import torch\ntorch.set_num_threads(3)\n"
        "print(before['threads'], p()['threads'], p()['machine']['gpus'] == before['machine']['gpus'])"
    )
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    assert done.stdout == "None 3 True\n"


def test_a_package_that_is_not_there_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGES", ("no-such-distribution",))
    assert provenance()["packages"] == {"no-such-distribution": None}


def test_a_processor_without_a_name(tmp_path: Path) -> None:
    table = tmp_path / "cpuinfo"
    table.write_text("processor : 0\nmodel name : Fast One\n")
    assert module._cpu(table) == "Fast One"
    table.write_text("processor : 0\n")
    assert module._cpu(table) == module._cpu(tmp_path / "none") != ""


@given(CONFIGS)
def test_the_digest_does_not_know_the_order_of_keys(config: dict[str, object]) -> None:
    assert config_digest(config) == config_digest(dict(reversed(config.items())))
    assert config_digest(config | {"ckpt_path": "last"}) == config_digest(config)


@given(CONFIGS, CONFIGS)
def test_other_configs_have_other_digests(first: dict[str, object], second: dict[str, object]) -> None:
    # As texts: 1, 1.0 and True are equal in Python.
    same = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert (config_digest(first) == config_digest(second)) == same


def test_nested_keys_can_be_ignored() -> None:
    config = {"trainer": {"max_epochs": 3, "bar": True}, "bar": 1, "data": {"n": 1}}
    assert without(config, ["trainer.bar", "data"]) == {"trainer": {"max_epochs": 3}, "bar": 1}
    assert config["data"] == {"n": 1}
    other = {"trainer": {"max_epochs": 3, "bar": False}, "bar": 1, "data": {"n": 1}}
    assert config_digest(config) != config_digest(other)
    assert config_digest(config, ["trainer.bar"]) == config_digest(other, ["trainer.bar"])

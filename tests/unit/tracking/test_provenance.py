import hashlib
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceline.errors import InputError
from faceline.tracking import provenance as module
from faceline.tracking.provenance import config_digest, needed, own_code, provenance, without

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
    (package.parents[1] / "new.yaml").write_text("four: 4\n")
    (package.parents[1] / "new.txt").write_text("a note\n")
    diff = provenance(package)["diff"]
    assert "+++ b/new.yaml" in diff and "+four: 4\n" in diff and "note" not in diff


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


def test_the_devices_of_the_machine_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = SimpleNamespace(device_count=lambda: 2, get_device_name=lambda number: f"H{number}")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(get_num_threads=lambda: 3, cuda=cuda))
    found = provenance()
    assert (found["machine"]["gpus"], found["threads"]) == (["H0", "H1"], 3)
    assert set(found["machine"]) == {"os", "cpu", "cores", "processors", "memory_gb", "gpus"}
    monkeypatch.delitem(sys.modules, "torch")
    assert (provenance()["machine"]["gpus"], provenance()["threads"]) == ([], None)


@pytest.fixture
def importable(package: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package of the checkout, under a name of its own, to be imported."""
    own = package.with_name("faceline_own_package")
    package.rename(own)
    (own / "parts").mkdir()
    (own / "parts" / "inner.py").write_text("inner = 2\n")
    _git(own.parents[1], "add", ".")
    _git(own.parents[1], "commit", "-m", "own")
    monkeypatch.syspath_prepend(own.parent)
    return own


def digest_of(files: dict[str, bytes]) -> str:
    parts = (part for name in sorted(files) for part in (name.encode(), files[name]))
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


def test_ones_own_code_has_commit_digest_and_changes(importable: Path) -> None:
    files = {"__init__.py": b"one = 1\n", "parts/inner.py": b"inner = 2\n"}
    commit = _git(importable, "rev-parse", "HEAD")
    assert own_code("faceline_own_package") == {
        "version": None, "digest": digest_of(files), "commit": commit, "branch": "trunk", "dirty": False, "diff": "",
    }  # fmt: skip
    (importable / "parts" / "inner.py").write_text("inner = 3\n")
    changed = own_code("faceline_own_package")
    assert changed["digest"] == digest_of({**files, "parts/inner.py": b"inner = 3\n"})
    assert changed["dirty"] and "-inner = 2\n+inner = 3\n" in changed["diff"]
    assert needed(["faceline_own_package"]) == [f"faceline_own_package without version ({changed['digest']})"]
    assert provenance(importable, ["faceline_own_package"])["own_code"] == {"faceline_own_package": changed}
    assert "own_code" not in provenance(importable)


def test_ones_own_code_without_git_is_kept_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "faceline_own_module.py").write_text("three = 3\n")
    (tmp_path / "beside.py").write_text("not_mine = 1\n")
    found = own_code("faceline_own_module")
    assert (found["commit"], found["branch"], found["dirty"]) == (None, None, None)
    assert found["diff"] == "--- /dev/null\n+++ b/faceline_own_module.py\n@@ -0,0 +1 @@\n+three = 3\n"


def test_ones_own_code_has_the_version_of_its_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_code("mypy_extensions")["version"] == version("mypy-extensions")
    with pytest.raises(InputError, match=r"^key 'allow': the source of the package no_such_package is not found$"):
        own_code("no_such_package")


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


def test_the_digest_is_of_json_with_sorted_keys() -> None:
    text = '{"a":{"x":[1,2.5,null]},"\\u00fc":true}'
    assert config_digest({"ü": True, "a": {"x": [1, 2.5, None]}}) == hashlib.sha256(text.encode()).hexdigest()[:16]


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

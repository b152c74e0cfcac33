"""Records what a result was made with: code, packages, machine and config."""

import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import unified_diff
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

import faceline
from faceline.errors import InputError

PACKAGES = (
    "torch",
    "torchvision",
    "pytorch-lightning",
    "timm",
    "numpy",
    "albumentations",
    "hydra-core",
    "mlflow",
    "scikit-learn",
    "opencv-python-headless",
)
IGNORED = ("ckpt_path", "tags", "tracking", "hydra", "paths", "sweep")
"""Keys of a config that do not change the result."""

DIFF_LIMIT = 1_000_000
GIT_SECONDS = 20


def provenance(package: Path | None = None, own: Sequence[str] = ()) -> dict[str, Any]:
    """Return everything that a result depends on, beside config and data.

    The names of machine and user are left out.

    Args:
        package: Folder of the package to describe; None means ``faceline`` itself.
        own: The user's own packages that the run builds from.

    Returns:
        Plain containers: ``commit``, ``branch``, ``dirty`` and ``diff`` (None for an installed package outside of git),
        ``faceline``, ``python``, ``packages``, ``threads``, ``machine``.
    """
    return {
        **_code(package or Path(faceline.__file__).parent),
        "faceline": _version("faceline"),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "threads": _threads(),
        "machine": _machine(),
        **({"own_code": {name: own_code(name) for name in own}} if own else {}),
    }


def own_code(name: str) -> dict[str, Any]:
    """Return version, digest, commit and changes of a user's package; without git, all of it as a diff.

    Raises:
        InputError: The source of the package is missing.
    """
    folder = _source(name)
    code = _code(folder)
    files = _python_files(folder)
    if code["commit"] is None:
        code["diff"] = _as_diff(folder.parent, [file.relative_to(folder.parent).as_posix() for file in files])
    digest = hashlib.sha256()
    for file in files:
        for content in (file.relative_to(folder).as_posix().encode(), file.read_bytes()):
            digest.update(hashlib.sha256(content).digest())
    return {"version": _version(name) or _version(name.replace("_", "-")), "digest": digest.hexdigest()[:16], **code}


def needed(names: Sequence[str]) -> list[str]:
    """Describe the user's own packages for a checkpoint, such as ``mine 0.1.0 (0123abcd)``."""
    codes = {name: own_code(name) for name in names}
    return [f"{name} {code['version'] or 'without version'} ({code['digest']})" for name, code in codes.items()]


def _source(name: str) -> Path:
    found = find_spec(name)
    if found is None or found.origin is None:
        raise InputError(f"the source of the package {name} is not found", column="allow")
    return Path(found.origin).parent if found.submodule_search_locations else Path(found.origin)


def _python_files(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def config_digest(config: Mapping[str, Any], ignore: Sequence[str] = IGNORED) -> str:
    """Return a hex digest of a resolved config: equal for two runs that compute the same.

    Args:
        config: Config in plain containers; the order of keys does not matter.
        ignore: Keys to leave out, with dots for nested ones.
    """
    kept = without(config, ignore)
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def without(config: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Return a copy of a nested mapping without some keys, which may have dots."""
    kept: dict[str, Any] = {}
    for name, value in config.items():
        if name in keys:
            continue
        inner = [key.removeprefix(f"{name}.") for key in keys if key.startswith(f"{name}.")]
        kept[name] = without(value, inner) if inner and isinstance(value, Mapping) else value
    return kept


def peak_memory() -> float:
    """Return the largest memory use of this process so far, in MB (10^6 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _code(package: Path) -> dict[str, Any]:
    # A package installed below somebody's checkout lies in a work tree too, but git does not track it.
    place, name = (package, "__init__.py") if package.is_dir() else (package.parent, package.name)
    if not _git(place, "ls-files", "--", name):
        return {"commit": None, "branch": None, "dirty": None, "diff": None}
    root = Path((_git(place, "rev-parse", "--show-toplevel") or "").strip())
    diff = (_git(root, "diff", "--no-ext-diff", "--no-color", "HEAD") or "") + _new_files(root)
    if len(diff) > DIFF_LIMIT:
        diff = f"{diff[:DIFF_LIMIT]}\n[cut: {len(diff)} characters in all]\n"
    return {
        "commit": (_git(root, "rev-parse", "--verify", "HEAD") or "").strip() or None,
        "branch": (_git(root, "symbolic-ref", "--short", "-q", "HEAD") or "").strip() or None,
        "dirty": bool(_git(root, "status", "--porcelain")),
        "diff": diff,
    }


def _new_files(root: Path) -> str:
    """Return untracked Python and YAML files as a diff."""
    names = (_git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", "*.py", "*.yaml") or "").split("\0")
    return _as_diff(root, list(filter(None, names)))


def _as_diff(root: Path, names: Sequence[str]) -> str:
    """Return files below a folder as a diff from nothing."""
    lines: list[str] = []
    for name in names:
        with suppress(OSError):  # an editor's dangling link, a file that was just deleted
            text = (root / name).read_text(errors="replace").splitlines()
            lines += unified_diff([], text, "/dev/null", f"b/{name}", lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _git(folder: Path, *arguments: str) -> str | None:
    """Return the output of a git command in a folder; None without git, without a checkout, or if it fails."""
    # Inside a git hook these point to another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            timeout=GIT_SECONDS,
            env=environment | {"GIT_OPTIONAL_LOCKS": "0"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


@cache
def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _threads() -> int | None:
    """Return the number of threads of torch; None if torch is not in use."""
    torch = sys.modules.get("torch")
    return int(torch.get_num_threads()) if torch else None


def _machine() -> dict[str, Any]:
    torch = sys.modules.get("torch")
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch else []
    return {
        "os": platform.platform(),
        "cpu": _cpu(),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count(),
        "processors": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "gpus": gpus,
    }


def _cpu(table: Path = Path("/proc/cpuinfo")) -> str:
    if table.is_file():
        for line in table.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()

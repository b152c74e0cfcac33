"""Write the versions of this environment to the lock files: what runs, and what only checks and tests need.

Triton is in neither: it takes 1 GB, only `torch.compile` calls it, and nothing here does.

    python scripts/lock.py
"""

from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

RUNS = "faceline[train,stand]"
LEFT_OUT = {"faceline", "pip", "setuptools", "wheel", "uv", "triton"}


def needed(root: str) -> set[str]:
    """Names of all that is installed because of one requirement."""
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(root)]
    while waiting:
        wanted = waiting.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key in found:
            continue
        found.add(key)
        try:
            listed = distribution(wanted.name).requires or []
        except PackageNotFoundError:  # of another system
            continue
        each = (Requirement(text) for text in listed)
        extras = ("", *wanted.extras)
        waiting += [one for one in each if one.marker is None or any(one.marker.evaluate({"extra": e}) for e in extras)]
    return {name for name, _ in found}


def main() -> None:
    """Write both files, sorted by name."""
    versions = {each.metadata["Name"]: each.version for each in distributions()}
    kept = {name: version for name, version in versions.items() if canonicalize_name(name) not in LEFT_OUT}
    runs = needed(RUNS)
    for file, inside in (("requirements.lock", True), ("requirements-dev.lock", False)):
        names = sorted((n for n in kept if (canonicalize_name(n) in runs) == inside), key=str.lower)
        Path(file).write_text("".join(f"{name}=={kept[name]}\n" for name in names), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Plugin of pytest: while the tests run, every call within faceline has its types checked, shapes of arrays included.

jaxtyping binds the arguments of each call to compare shapes with each other, which takes time. It therefore watches
the rooms whose functions take arrays. beartype alone watches the rest, except modules with hints that only mypy can
resolve.

    python -m pytest -p tests.run_time_types
"""

from pathlib import Path

from beartype import BeartypeConf
from beartype.claw import beartype_package
from jaxtyping import install_import_hook

ROOMS = (
    "augmentation", "benchmarks", "data", "drawing", "exporting", "geometry", "inference", "metrics", "models",
    "photos", "reports", "stand.audience", "stand.consent", "stand.recognition", "tasks",
)  # fmt: skip
SOURCE = Path(__file__).parents[1] / "src"


def _only_for_mypy() -> tuple[str, ...]:
    files = [file for file in SOURCE.rglob("*.py") if "if TYPE_CHECKING:" in file.read_text()]
    return tuple(".".join(file.relative_to(SOURCE).with_suffix("").parts) for file in files)


beartype_package(
    "faceline",
    conf=BeartypeConf(is_pep484_tower=True, claw_is_pep526=False, claw_skip_package_names=_only_for_mypy()),
)
install_import_hook(
    [f"faceline.{room}" for room in ROOMS],
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",  # an int may stand for a float (PEP 484)
)

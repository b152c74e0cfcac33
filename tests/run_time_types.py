"""Plugin of pytest: while the tests run, every call within faceline has its types checked, shapes of arrays included.

jaxtyping binds the arguments of each call to compare shapes with each other, which takes time. It therefore watches the
modules that name shapes, also by an alias such as Scores. beartype alone watches the rest, except modules with hints
that only mypy can resolve.

    python -m pytest -p tests.run_time_types
"""

import re
from pathlib import Path

from beartype import BeartypeConf
from beartype.claw import beartype_package
from jaxtyping import install_import_hook

SOURCE = Path(__file__).parents[1] / "src"
ALIAS = re.compile(r"^([A-Z]\w*) = (?:Bool|Float|Integer|Shaped)\[", re.MULTILINE)


def _modules(pattern: str) -> tuple[str, ...]:
    files = [file for file in SOURCE.rglob("*.py") if re.search(pattern, file.read_text())]
    return tuple(".".join(file.relative_to(SOURCE).with_suffix("").parts) for file in files)


NAMES = "|".join({name for file in SOURCE.rglob("*.py") for name in ALIAS.findall(file.read_text())})

beartype_package(
    "faceline",
    conf=BeartypeConf(
        is_pep484_tower=True, claw_is_pep526=False, claw_skip_package_names=_modules("if TYPE_CHECKING:")
    ),
)
install_import_hook(
    _modules(rf"from (jaxtyping|faceline\.types)|\b({NAMES})\b"),
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",  # an int may stand for a float (PEP 484)
)

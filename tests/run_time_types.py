"""Plugin of pytest: while the tests run, every call within faceline has its types checked, shapes of arrays included.

jaxtyping binds the arguments of each call to compare shapes with each other, which takes time. It therefore watches the
modules that import or define shapes, also under a name such as Scores. beartype alone watches the rest, except modules
with hints that only mypy can resolve.

    python -m pytest -p tests.run_time_types
"""

import ast
import re
from collections.abc import Callable
from pathlib import Path

from beartype import BeartypeConf
from beartype.claw import beartype_package
from jaxtyping import install_import_hook

SOURCE = Path(__file__).parents[1] / "src"
TEXTS = {file: file.read_text() for file in SOURCE.rglob("*.py")}
NAMED = re.compile(r"^([A-Z]\w*)(?:: TypeAlias)? = .*\b(?:Bool|Float|U?Int|Integer|Num|Shaped)\w*\[", re.MULTILINE)
NAMES = {name for text in TEXTS.values() for name in NAMED.findall(text)}


def _takes_shapes(text: str) -> bool:
    """Tell whether a module uses shapes: jaxtyping's own, or those to which a module of faceline gave a name."""
    used: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "jaxtyping":
            return True
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("faceline."):
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute):  # module.NAME
            used.add(node.attr)
    return bool(used & NAMES)


def _modules(chosen: Callable[[str], object]) -> tuple[str, ...]:
    files = [file for file, text in TEXTS.items() if chosen(text)]
    return tuple(".".join(file.relative_to(SOURCE).with_suffix("").parts) for file in files)


beartype_package(
    "faceline",
    conf=BeartypeConf(
        is_pep484_tower=True,
        claw_is_pep526=False,
        claw_skip_package_names=_modules(lambda text: "if TYPE_CHECKING:" in text),
    ),
)
install_import_hook(
    _modules(_takes_shapes),
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",  # an int may stand for a float (PEP 484)
)

"""``faceline init``: creates the folder of a project that trains, tests and lints at once."""

import keyword
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from faceline.errors import InputError

TEMPLATE: Final = Path(__file__).parent / "project_template"
_NAME: Final = "my_project"
_ENDING: Final = ".in"


def init(folder: Path) -> list[Path]:
    """Write the files of a new project; the folder's name becomes the name of its package.

    Args:
        folder: Folder that is missing or empty.

    Returns:
        The files, relative to the folder.

    Raises:
        InputError: The name is no valid package name, or belongs to an installed package, or the folder is not empty.
    """
    name = folder.resolve().name.replace("-", "_")
    if not name.isidentifier() or keyword.iskeyword(name) or name != name.lower():
        raise InputError(f"expected the name of a Python package, such as {_NAME}, got {name!r}", column="init")
    if name in sys.stdlib_module_names or find_spec(name) is not None:
        raise InputError(f"a package {name} is installed already; choose another name", column="init")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("is there already; choose another name, or empty it", file=folder)
    written = []
    for source in sorted(path for path in TEMPLATE.rglob(f"*{_ENDING}") if path.is_file()):
        relative = Path(str(source.relative_to(TEMPLATE)).removesuffix(_ENDING).replace(_NAME, name))
        target = folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text(encoding="utf-8").replace(_NAME, name), encoding="utf-8")
        written.append(relative)
    return written


def main(folder: str) -> None:
    """Write the project and print what to do next."""
    written = init(Path(folder))
    print(f"{folder}: {len(written)} files; start with:\n  cd {folder}\n  faceline train experiment=first")

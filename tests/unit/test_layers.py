import re
from pathlib import Path

import faceline


def test_packages_do_nothing_by_being_imported() -> None:
    """What an __init__.py imports would slip past the check of the layers."""
    code = [file for file in Path(faceline.__file__).parent.rglob("__init__.py") if file.read_text().strip()]
    assert code == []


def test_the_page_on_the_architecture_names_files_that_exist() -> None:
    root = Path(faceline.__file__).parent
    page = root.parents[1] / "docs" / "architecture.md"
    files = re.findall(r"`([\w/]+\.py)`", page.read_text())
    assert len(files) > 20
    assert [file for file in files if not (root / file).is_file()] == []

from pathlib import Path

import faceline


def test_packages_do_nothing_by_being_imported() -> None:
    """What an __init__.py imports would slip past the check of the layers."""
    code = [file for file in Path(faceline.__file__).parent.rglob("__init__.py") if file.read_text().strip()]
    assert code == []

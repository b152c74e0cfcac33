"""What tests of whole projects share."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def no_packages_stay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forget the packages of projects that a test has made: others begin under the same name."""
    yield
    made = tmp_path_factory.getbasetemp()
    for name, module in list(sys.modules.items()):
        if (file := getattr(module, "__file__", None)) and made in Path(file).parents:
            del sys.modules[name]

"""What tests of whole projects share."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.prepared import quick_commands


@pytest.fixture(autouse=True)
def quick(kept: Path) -> Iterator[None]:
    """What commands do again and again is done once."""
    with quick_commands(kept):
        yield


@pytest.fixture(autouse=True)
def no_packages_stay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forget the packages of projects that a test has made: others begin under the same name."""
    yield
    made = f"{tmp_path_factory.getbasetemp()}{os.sep}"
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(made):
            del sys.modules[name]

"""Versions of registered models by the names that users give them."""

import pytest
from mlflow import MlflowClient

from faceline.errors import InputError
from faceline.tracking import registry
from faceline.tracking.registry import Version, named_version


def test_a_version_is_found_by_its_whole_number(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    twelve = [Version("faces", number, f"run{number}", {}, (), 0.0) for number in range(12, 0, -1)]
    monkeypatch.setattr(registry, "versions", lambda *_: twelve)
    for number in (1, 2, 12):
        version = named_version(client, f"faces@{number}")
        assert version is not None and version.number == number
    with pytest.raises(InputError, match="faces has 12 versions"):
        named_version(client, "faces@0")

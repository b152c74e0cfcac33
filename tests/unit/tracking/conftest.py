"""One store for all tests of tracking: to make one takes seconds."""

import pytest
from mlflow import MlflowClient

from faceline.tracking.store import connect


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> MlflowClient:
    """A client of a store of its own, in a folder with a difficult name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return connect(None, tmp_path_factory.mktemp("store") / "a b#é,=")

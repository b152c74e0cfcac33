"""What the tests of models share."""

from collections.abc import Callable
from pathlib import Path

import pytest
import pytorch_lightning as pl


@pytest.fixture
def trainer(tmp_path: Path) -> Callable[..., pl.Trainer]:
    """Makes trainers that write and print nothing."""
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}

    def make(**settings: object) -> pl.Trainer:
        options = {**quiet, "accelerator": "cpu", "enable_model_summary": False, **settings}
        return pl.Trainer(default_root_dir=tmp_path, **options)

    return make

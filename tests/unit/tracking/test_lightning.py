from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from mlflow import MlflowClient
from torch.utils.data import DataLoader

from faceline.tracking.lightning import RunLogger
from faceline.tracking.records import get_run
from faceline.tracking.runs import tracked_run


class _Line(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.save_hyperparameters({"lr": 0.1})
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        loss = self.layer(batch).square().mean()
        self.log("train/loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: torch.Tensor, index: int) -> None:
        self.log("val/loss", float(self.current_epoch + 1))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_a_crash_after_fit_is_failed_and_metrics_go_by_epoch(client: MlflowClient, tmp_path: Path) -> None:
    batches = DataLoader(torch.ones(6, 1), batch_size=2)
    with pytest.raises(RuntimeError, match="after fit"), tracked_run(client, "lightning", "r") as run:
        trainer = pl.Trainer(
            accelerator="cpu",
            max_epochs=3,
            logger=RunLogger(run, tmp_path),
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(_Line(), batches, batches)
        assert client.get_run(run.id).info.status == "RUNNING"
        raise RuntimeError("after fit")
    record = get_run(client, run.id)
    assert record.status == "FAILED"
    assert set(record.metrics) == {"train/loss", "val/loss"}
    assert record.params == {}
    history = client.get_metric_history(run.id, "val/loss")
    assert [(point.step, point.value) for point in history] == [(0, 1.0), (1, 2.0), (2, 3.0)]
    assert len(list((tmp_path / run.id / "checkpoints").glob("*.ckpt"))) == 1


def test_metrics_without_an_epoch_go_by_step(client: MlflowClient, tmp_path: Path) -> None:
    with tracked_run(client, "lightning", "steps") as run:
        logger = RunLogger(run, tmp_path)
        logger.log_metrics({"lr": 0.1}, step=7)
        logger.log_metrics({"lr": 0.2})
        logger.finalize("success")
    history = client.get_metric_history(run.id, "lr")
    assert sorted((point.step, point.value) for point in history) == [(0, 0.2), (7, 0.1)]

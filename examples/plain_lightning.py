"""Data module and detector of faceline under a plain Lightning Trainer."""

import pytorch_lightning as pl

from faceline import LandmarkData, LandmarkDetector, SyntheticFaces
from faceline.models.landmark_nets import SmallCNN

data = LandmarkData(SyntheticFaces(people=12), size=64, batch_size=16)
model = LandmarkDetector(SmallCNN(width=32), lr=2e-3)
trainer = pl.Trainer(max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False)
trainer.fit(model, data)
print(f"validation NME after one epoch: {trainer.callback_metrics['val/nme']:.1%}")

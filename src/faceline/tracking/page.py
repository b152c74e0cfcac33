"""Arranges MLflow's page of an experiment: the important columns first, with an explanation."""

import json
from typing import Final

from mlflow import MlflowClient

VIEW: Final = "faceline"
"""Name of the shared view in an address: ``…/experiments/1/runs?viewStateShareKey=faceline``."""

COLUMNS: Final = (
    "attributes.`Created`",
    "tags.`model`",
    "tags.`data`",
    "tags.`protocol`",
    "metrics.`test/nme`",
    "metrics.`test/mse`",
    "metrics.`test/f1_weighted`",
    "metrics.`best_val/nme`",
    "metrics.`best_val/mse`",
    "metrics.`best_val/f1_weighted`",
    "metrics.`parameters`",
    "metrics.`train_seconds`",
    "params.`model.lr`",
    "params.`data.size`",
    "params.`seed`",
    "tags.`faceline.dirty`",
    "tags.`faceline.error`",
)
"""Columns of the view; a column without any value in the experiment is hidden."""

CHARTS: Final = ("test/nme", "test/mse", "test/f1_weighted", "test/rank1", "ms_per_frame")
"""Metrics with a bar chart before all other charts; the page hides those without values."""
_SECTION: Final = "faceline"

_LINK = f"#/experiments/{{id}}/runs?viewStateShareKey={VIEW}&workflowType=machine_learning"
NOTE: Final = f"""\
[The columns that matter]({_LINK}) · [their charts]({_LINK}&compareRunsMode=CHART) · made by faceline

- Rank runs only within one **data**, **protocol** and `data_fingerprint`: `faceline compare` does.
- **test/…** was measured once, after training; choose by **best_val/…**.
- `official`: new frames of known videos, or as the publisher says · `frame_random`: other frames of known videos ·
  `video_disjoint`: videos never seen · `person_disjoint`: people never seen
"""


def arrange(client: MlflowClient, experiment_id: str) -> None:
    """Arrange the page of a new experiment; later changes by people are kept."""
    view = {
        "selectedColumns": COLUMNS,
        "columnOrder": COLUMNS,
        "orderByKey": "attributes.start_time",
        "compareRunCharts": [_chart(metric) for metric in CHARTS],
        "compareRunSections": [{"uuid": _SECTION, "name": "Compare at a glance", "display": True, "isReordered": True}],
        "isAccordionReordered": True,  # ours stays the first
    }
    tags = {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.note.content": NOTE.format(id=experiment_id),
        f"mlflow.sharedViewState.{VIEW}": json.dumps(view),
    }
    for name, value in tags.items():
        client.set_experiment_tag(experiment_id, name, value)


def _chart(metric: str) -> dict[str, object]:
    """Return a bar chart in the form of MLflow's page."""
    return {
        "type": "BAR",
        "uuid": f"{_SECTION}-{metric}",
        "metricSectionId": _SECTION,
        "metricKey": metric,
        "runsCountToCompare": 20,
        "isGenerated": False,
        "deleted": False,
    }

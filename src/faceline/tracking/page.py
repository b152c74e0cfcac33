"""How MLflow's page shows an experiment of ours: the columns that matter first, and what they mean."""

import json
from typing import Final

from mlflow import MlflowClient

VIEW: Final = "faceline"
"""Name of the view in an address: ``…/experiments/1/runs?viewStateShareKey=faceline``, as MLflow calls shared views."""

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
"""A column that no run of an experiment has a value for is not shown."""

CHARTS: Final = ("test/nme", "test/mse", "test/f1_weighted", "test/rank1", "ms_per_frame")
"""One bar a run, first of all charts; those that no run has a value for are hidden by the page."""
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
    """Arrange the page of an experiment that was just created; whatever people do to it later stays."""
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
    """A bar chart as MLflow's page keeps it."""
    return {
        "type": "BAR",
        "uuid": f"{_SECTION}-{metric}",
        "metricSectionId": _SECTION,
        "metricKey": metric,
        "runsCountToCompare": 20,
        "isGenerated": False,
        "deleted": False,
    }

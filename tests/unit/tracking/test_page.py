"""The page of an experiment in MLflow."""

import json

from mlflow import MlflowClient

from faceline.tracking.page import CHARTS, COLUMNS
from faceline.tracking.store import experiment


def tags_of(client: MlflowClient, experiment_id: str) -> dict[str, str]:
    tags = client.get_experiment(experiment_id).tags
    return {name: value for name, value in tags.items() if name != "mlflow.experiment.sourceName"}


def test_a_new_experiment_shows_the_columns_that_matter(client: MlflowClient) -> None:
    made = experiment(client, "a page")
    tags = tags_of(client, made)
    view = json.loads(tags["mlflow.sharedViewState.faceline"])
    assert tuple(view["selectedColumns"]) == tuple(view["columnOrder"]) == COLUMNS
    assert [chart["metricKey"] for chart in view["compareRunCharts"]] == list(CHARTS)
    assert view["compareRunCharts"][0] == {
        "type": "BAR", "uuid": f"faceline-{CHARTS[0]}", "metricSectionId": "faceline", "metricKey": CHARTS[0],
        "runsCountToCompare": 20, "isGenerated": False, "deleted": False,
    }  # fmt: skip
    assert view["orderByKey"] == "attributes.start_time" and view["isAccordionReordered"] is True
    (section,) = view["compareRunSections"]
    assert (section["name"], section["display"], section["isReordered"]) == ("Compare at a glance", True, True)
    assert {chart["metricSectionId"] for chart in view["compareRunCharts"]} == {section["uuid"]}
    assert f"(#/experiments/{made}/runs?viewStateShareKey=faceline&" in tags["mlflow.note.content"]
    assert tags["mlflow.experimentKind"] == "custom_model_development"


def test_what_people_did_to_an_experiment_stays(client: MlflowClient) -> None:
    theirs = client.create_experiment("theirs")
    assert experiment(client, "theirs") == theirs
    assert tags_of(client, theirs) == {}
    ours = experiment(client, "ours, changed")
    client.set_experiment_tag(ours, "mlflow.note.content", "mine")
    assert experiment(client, "ours, changed") == ours
    assert tags_of(client, ours)["mlflow.note.content"] == "mine"

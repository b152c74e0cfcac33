"""The page of a comparison in a browser: on a phone and on a desk, by day and by night, without a network."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.chromium import accessibility_faults, chromium
from tests.recorded import identification_frames, identification_run, landmark_run, record_run

from faceline.cli import main
from faceline.tracking.store import connect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LONG = "efficientnet_b0_with_a_name_that_nobody_would_choose_but_somebody_will"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Comparisons of everything, of two runs, and of two that cannot be compared."""
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        client = connect(None, folder)
        runs = []
        for i, name in enumerate(("cnn", "resnet18", LONG)):
            curve = {"val/nme": (0.3 / np.arange(1, 9) ** (0.5 + 0.1 * i)).tolist()}
            config = {"name": name, "model": {"lr": 0.1 * i, "weights": "a/very/long/path" * 9}}
            settings = {"seed": i, "parameters": 10.0 ** (4 + i), "history": curve, "config": config}
            runs.append(landmark_run(client, "where", name, 0.04 + 0.002 * i, **settings))
        runs.append(landmark_run(client, "where", "other", tags={"protocol": "person_disjoint"}))
        for name, right in (("knn", 0.8), (LONG, 0.3)):
            identification_run(client, "who", name, right, seed=7)
        for seed, name in enumerate(("one", "two")):
            table = identification_frames(0.8, seed)
            table.loc[table.index[::3], "rank"] = 0  # strangers
            scalars = {"f1_weighted": 0.7 - 0.1 * seed, "fnir_at_fpir_1pct": 0.5, "fpir_at_1pct": 0.02}
            tags = {"task": "identification", "protocol": "person_disjoint"}
            record_run(client, "who", name, table, scalars, tags=tags)
        assert main(["compare", "output=all"]) == 0
        assert main(["compare", runs[0].id, runs[1].id, "output=review"]) == 0
        assert main(["compare", runs[0].id, runs[3].id, "output=apart"]) == 0
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", ["all", "review", "apart"])
def test_the_page_can_be_read_by_everybody(folder: Path, browser: Any, name: str, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((folder / name / "comparison.html").as_uri())
    for closed in page.locator("details").all():
        closed.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [url for url in asked if not url.startswith("data:")] == [page.url] and not complaints
    assert accessibility_faults(page) == []
    assert page.locator("h1").bounding_box()["y"] < 200  # the verdict comes first
    page.close()


def test_figures_and_tables_are_told_to_who_cannot_see(folder: Path, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 800})
    page.goto((folder / "all" / "comparison.html").as_uri())
    assert page.get_by_role("img", name="Learning curves").count() == 1
    assert page.get_by_role("img", name="Missed people against false alarms (DET)").count() == 1
    assert page.get_by_role("navigation", name="Leaderboards").get_by_role("link").count() == 3
    assert page.get_by_role("main").get_by_role("heading", level=2).count() >= 3
    for figure in page.locator("figure.plot > svg").all():
        assert figure.bounding_box()["width"] > 250 and figure.locator("desc").text_content()
    for table in page.locator("table").all():
        assert table.locator("caption").count() == 1 and table.locator("tbody th[scope=row]").count() >= 1
    page.close()

"""Classifiers as identifiers: against scikit-learn, over a save, and with galleries that cannot be."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import ExtraTreeClassifier

from faceline.config.resolvers import register
from faceline.config.tree import conf_dir
from faceline.errors import InputError
from faceline.models.baselines import Baseline, NearestShapes, SparseForest
from faceline.tasks.assembly import load_trained

METHODS = ("gnb", "logreg", "tree", "forest", "knn")


def gallery(seed: int = 0, people: int = 6, frames: int = 15, features: int = 136) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(people, features))
    numbers = rng.integers(0, people, people * frames)
    persons = np.array([f"P{number}" for number in numbers])
    return (centres[numbers] + rng.normal(size=(len(numbers), features))).astype(np.float32), persons


def configured(method: str) -> Baseline:
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return instantiate(compose("train", [f"experiment=identification/{method}"]).model)


def test_a_forest_is_the_mean_of_scikit_learns_trees() -> None:
    shapes, persons = gallery()
    _, labels = np.unique(persons, return_inverse=True)
    probes, _ = gallery(1)
    forest = SparseForest(n_estimators=4, max_features=0.3, min_samples_leaf=3, random_state=7).fit(shapes, labels)
    trees = [
        ExtraTreeClassifier(max_features=0.3, min_samples_leaf=3, random_state=7 + i).fit(shapes, labels)
        for i in range(4)
    ]
    expected = np.mean([tree.predict_proba(probes) for tree in trees], axis=0)
    np.testing.assert_allclose(forest.predict_proba(probes), expected, atol=1e-6)
    np.testing.assert_array_equal(forest.predict(probes), expected.argmax(axis=1))


def test_a_forest_keeps_no_number_for_every_class_in_every_node() -> None:
    shapes, _ = gallery(people=40, frames=30)
    labels = np.arange(len(shapes)) % 400
    forest = SparseForest(n_estimators=2).fit(shapes, labels)
    for tree in forest.trees_:
        held = sum(
            part.nbytes if isinstance(part, np.ndarray) else part.data.nbytes + part.indices.nbytes
            for part in tree.values()
        )
        assert held < len(tree["threshold"]) * 400
        assert all(
            part.base is None or part.base.nbytes == part.nbytes for part in (tree["threshold"], tree["feature"])
        )


def test_a_shape_on_the_threshold_of_a_tree_goes_left_as_in_scikit_learns() -> None:
    forest = SparseForest(1).fit(np.array([[0.0], [1.0]], dtype=np.float32), np.array([0, 1]))
    forest.trees_[0]["threshold"][0] = 0.5
    assert forest.predict(
        np.array([[0.5], [np.nextafter(np.float32(0.5), np.float32(1))]], dtype=np.float32)
    ).tolist() == [0, 1]


def test_the_nearest_shape_is_scikit_learns() -> None:
    shapes, persons = gallery()
    _, labels = np.unique(persons, return_inverse=True)
    probes, _ = gallery(2)
    ours = NearestShapes(5).fit(shapes, labels).predict(probes)
    np.testing.assert_array_equal(ours, KNeighborsClassifier(1).fit(shapes, labels).predict(probes))


def test_people_come_in_the_order_of_their_nearest_frame_and_the_far_ones_last() -> None:
    shapes = np.array([[0.0], [1.0], [3.0], [10.0]], dtype=np.float32)
    found = NearestShapes(3).fit(shapes, np.array([0, 1, 0, 2])).decision_function(np.array([[0.9]], dtype=np.float32))
    np.testing.assert_allclose(found, [[-0.9, -0.1, -np.inf]], atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_every_configured_method_finds_people_and_survives_a_save(method: str, tmp_path: Path) -> None:
    baseline = configured(method)
    shapes, persons = gallery(people=5, frames=20)
    probes, who = gallery(3, people=5, frames=20)
    baseline.enrol(shapes, persons)
    assert baseline.people.tolist() == [f"P{i}" for i in range(5)]
    scores = baseline.scores(probes)
    assert scores.dtype == np.float32 and scores.shape == (len(probes), 5)
    assert (baseline.people[scores.argmax(axis=1)] == who).mean() > (0.3 if method == "tree" else 0.8)
    file = tmp_path / "best.skops"
    record = {"config": {"model": {"components": baseline.components, "whiten": baseline.whiten}}, "run_id": "r"}
    baseline.save(file, record)
    loaded, kept = Baseline.load(file)
    assert kept == record and [path.name for path in tmp_path.iterdir()] == ["best.skops"]
    np.testing.assert_array_equal(loaded.scores(probes), scores)
    np.testing.assert_array_equal(loaded.people, baseline.people)


def test_the_config_beside_a_classifier_builds_only_what_may_be_built(tmp_path: Path) -> None:
    baseline, secret, file = configured("gnb"), tmp_path / "secret", tmp_path / "best.skops"
    baseline.enrol(*gallery(people=3, frames=8))
    secret.write_text("s")
    task = {"_target_": "shutil.copyfile", "_args_": [str(secret), str(tmp_path / "taken")]}
    model = {"components": baseline.components, "whiten": baseline.whiten}
    baseline.save(file, {"config": {"model": model, "task": task}, "run_id": "r"})
    with pytest.raises(InputError, match=r"shutil\.copyfile is not allowed as a target"):
        load_trained(file)
    assert not (tmp_path / "taken").exists()


class Counting(GaussianNB):
    """Counts its fits."""

    fits = 0

    def fit(self, *args: object) -> "Counting":
        Counting.fits += 1
        super().fit(*args)
        return self


def test_it_is_fitted_again_for_another_gallery_only() -> None:
    Counting.fits = 0
    baseline = Baseline(Counting())
    shapes, persons = gallery()
    for _ in range(2):
        baseline.enrol(shapes, persons)
    assert Counting.fits == 1
    baseline.enrol(shapes[:-1], persons[:-1])
    baseline.enrol(shapes[:-1], np.roll(persons[:-1], 1))
    assert Counting.fits == 3


def test_two_people_and_a_decision_function_are_two_columns() -> None:
    shapes, persons = gallery(people=2)
    baseline = Baseline(RidgeClassifier())
    baseline.enrol(shapes, persons)
    scores = baseline.scores(shapes)
    assert scores.shape == (len(shapes), 2)
    assert (baseline.people[scores.argmax(axis=1)] == persons).mean() > 0.9


def test_more_components_than_frames_are_as_many_as_there_are() -> None:
    shapes, persons = gallery(people=2, frames=3)
    baseline = Baseline(LogisticRegression(), components=100)
    baseline.enrol(shapes, persons)
    assert baseline.scores(shapes).shape == (6, 2)


def test_one_person_alone_cannot_be_told_apart() -> None:
    shapes, _ = gallery()
    with pytest.raises(InputError, match="at least two"):
        Baseline(GaussianNB()).enrol(shapes, np.full(len(shapes), "only"))


def test_what_the_classifier_refuses_is_told_in_one_line() -> None:
    shapes, persons = gallery()
    with pytest.raises(InputError, match="refuses the gallery") as caught:
        Baseline(LogisticRegression(C=-1.0)).enrol(shapes, persons)
    assert "\n" not in str(caught.value)


def damaged(file: Path) -> None:
    file.write_bytes(b"PK\x03\x04 and then nothing")


def saved(content: dict[str, object], file: Path) -> None:
    import_module("skops.io").dump(content, file)  # its import takes 2 seconds, which is not for all who collect tests


def of_something_else(file: Path) -> None:
    saved({"people": [1]}, file)


def of_code(file: Path) -> None:
    saved({"record": json.dumps({}), "fitted": Path, "people": np.array(["a"]), "gallery": ""}, file)


@pytest.mark.parametrize("write", [damaged, of_something_else, of_code])
def test_a_file_that_is_no_saved_classifier_is_refused(write, tmp_path: Path) -> None:
    file = tmp_path / "best.skops"
    write(file)
    with pytest.raises(InputError, match="not a readable classifier") as caught:
        Baseline.load(file)
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)

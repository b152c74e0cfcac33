"""Markups of ``conf/markup``: what they say of mirrors, regions, and the points of other markups."""

from itertools import pairwise

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from faceline.config.tree import conf_dir
from faceline.errors import InputError
from faceline.geometry.crops import ARCFACE
from faceline.geometry.markup import IBUG68, Markup, markup

NAMES = sorted(path.stem for path in (conf_dir() / "markup").glob("*.yaml"))
MAPPED = [name for name in NAMES if name != "five"]


def read(name: str) -> Markup:
    found: Markup = instantiate(OmegaConf.load(conf_dir() / "markup" / f"{name}.yaml"))
    return found


def test_the_default_is_the_constant() -> None:
    assert read("ibug68") == IBUG68
    assert (read("face_mesh478").points, read("wflw98").points, read("five").points) == (478, 98, 5)


def test_a_markup_is_short_in_help_and_messages() -> None:
    assert repr(IBUG68) == "Markup(name='ibug-68', points=68)"


@pytest.mark.parametrize("name", NAMES)
def test_a_mirror_maps_regions_outlines_and_eyes_onto_themselves(name: str) -> None:
    found = read(name)
    order = found.flip_order
    assert (order[order] == np.arange(found.points)).all()
    for region in found.regions.values():
        assert {order[point] for point in region} == set(region)
    assert sorted(point for region in found.regions.values() for point in region) == list(range(found.points))
    assert order[found.normaliser[0]] == found.normaliser[1]
    steps = {frozenset(pair) for line in found.outlines for pair in pairwise(line)}
    assert {frozenset(order[list(pair)].tolist()) for pair in steps} == steps


@pytest.mark.parametrize("name", MAPPED)
def test_the_68_in_another_markup_are_mirrored_as_the_68_are(name: str) -> None:
    found = read(name)
    mapped = np.array(found.ibug68)
    assert (found.flip_order[mapped] == mapped[IBUG68.flip_order]).all()
    assert (mapped[list(IBUG68.normaliser)] == found.normaliser).all()
    assert found.as_ibug68(np.arange(found.points)[None, :, None]).ravel().tolist() == mapped.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_the_five_points_that_faces_are_aligned_by_are_mirrored(name: str) -> None:
    found = read(name)
    template = ARCFACE.for_markup(found)
    mirrored = [{found.flip_order[point] for point in some} for some in template.landmarks]
    assert [set(template.landmarks[i]) for i in (1, 0, 2, 4, 3)] == mirrored
    assert template.points == ARCFACE.points


def test_what_needs_other_points_says_so() -> None:
    with pytest.raises(InputError, match=r"needs the 68 points of iBUG, and five does not say"):
        read("five").as_ibug68(np.zeros((1, 5, 2)))
    with pytest.raises(InputError, match=r"faces are aligned by eyes, nose and mouth"):
        ARCFACE.for_markup(markup("mine", 3, [0, 1], {}))


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"name": "a b"}, "name': expected letters, digits, - and _, got 'a b'"),
        ({"points": 1}, "points': expected at least 2, got 1"),
        ({"ibug68": "0-9"}, "ibug68': expected 68 landmarks or none, got 10"),
        ({"five": [[0], [1]]}, "five': expected 5 points or none, got 2"),
        ({"five": [[0], [1], [], [2], [3]]}, "five': expected 5 points or none, got 5"),
        ({"five": [[0], [1], [2], [3], "10"]}, "five': there is no landmark 10 among 10 (0 to 9)"),
        ({"normaliser": [0, 0]}, "normaliser': expected two different landmarks, got [0, 0]"),
        ({"normaliser": [0, 1, 2]}, "normaliser': expected two different landmarks, got [0, 1, 2]"),
        ({"ibug68": "0 x"}, "ibug68': expected numbers, or runs such as 0-16, got 'x'"),
        ({"flip_pairs": [[0, 1], [1, 2]]}, "flip_pairs': landmark 1 is in two pairs, or is its own partner"),
        ({"flip_pairs": [[0, 1, 2]]}, "flip_pairs': expected pairs [left, right], got [0, 1, 2]"),
        ({"flip_pairs": ["0-2 4-5"]}, "flip_pairs': expected two runs of one length, as in 0-7 16-9, got '0-2 4-5'"),
        ({"flip_pairs": ["0-2"]}, "flip_pairs': expected two runs of one length, as in 0-7 16-9, got '0-2'"),
        ({"regions": {"all": "0-12"}}, "regions.all': there is no landmark 10 among 10 (0 to 9)"),
        ({"regions": {"all": "-1"}}, "regions.all': expected numbers, or runs such as 0-16, got '-1'"),
        ({"regions": {"all": ""}}, "regions.all': expected a name of letters and digits, and its landmarks"),
        ({"regions": {"a-b": "1"}}, "regions.a-b': expected a name of letters and digits, and its landmarks"),
    ],
)
def test_a_wrong_markup_is_refused_by_its_key(wrong: dict[str, object], line: str) -> None:
    given = {"name": "mine", "points": 10, "normaliser": [0, 1], "regions": {}, **wrong}
    with pytest.raises(InputError) as caught:
        markup(**given)
    assert str(caught.value) == f"key 'markup.{line}"

"""Drawn visitors are found as real ones would be."""

from pathlib import Path

import numpy as np
import pytest

from faceline.data.synthetic import SyntheticFaces
from faceline.errors import InputError
from faceline.stand.audience.tracker import overlap
from faceline.stand.camera.demo_visitors import CROWD, HEIGHT, WIDTH, DemoScene, DemoVisitors
from faceline.stand.camera.detector import FaceDetector, OwnDetector, YuNetDetector, box_of, make_detector


def facing(visitors: DemoVisitors, time: float) -> list[tuple[float, float]]:
    """Middles of the faces that are whole in the picture and look to the screen."""
    return [
        (x, y + 0.7 * visit.scale)
        for visit in visitors.at(time)
        for x, y in [visit.place(time)]
        if abs(visit.pose(time)[0]) < 20 and 60 < x < WIDTH - 60
    ]


def hits(detector: FaceDetector, seconds: int) -> tuple[int, int, int]:
    """Faces, faces found, and boxes where no face is."""
    scene, counts = DemoScene(DemoVisitors(3)), np.zeros(3, int)
    for time in np.arange(0.0, seconds, 2.0).tolist():
        boxes = detector.detect(scene.draw(time))
        middles = facing(scene.visitors, time)
        inside = [[x < mx < x + w and y < my < y + h for x, y, w, h in boxes] for mx, my in middles]
        everyone = [(v.place(time)[0], v.place(time)[1] + 0.7 * v.scale) for v in scene.visitors.at(time)]
        empty = [not any(x < mx < x + w and y < my < y + h for mx, my in everyone) for x, y, w, h in boxes]
        counts += len(middles), sum(map(any, inside)), sum(empty)
    return counts[0], counts[1], counts[2]


def test_the_cascade_finds_the_visitors_who_look_to_the_screen() -> None:
    faces, found, wrong = hits(OwnDetector(), 60)
    assert faces > 20
    assert found >= 0.9 * faces
    assert wrong <= 1


def test_another_seed_is_another_crowd_in_another_hall() -> None:
    times = np.arange(0.0, 60.0, 0.5).tolist()
    crowds = [[DemoVisitors(seed).at(time) for time in times] for seed in (1, 2)]
    assert crowds[0] != crowds[1]
    scenes = [DemoScene(DemoVisitors(seed)) for seed in (1, 1, 2)]
    halls = [scene.draw(0.0).astype(int) for scene in scenes]  # nobody has come yet
    np.testing.assert_array_equal(halls[0], halls[1])
    assert np.abs(halls[0] - halls[2]).mean() > 1
    people = [scene.person(0)[0] for scene in scenes]
    np.testing.assert_array_equal(people[0], people[1])
    assert np.abs(people[0] - people[2]).max() > 0.01


def test_visitors_come_stay_and_leave_and_are_the_same_each_time() -> None:
    times = np.arange(0.0, 240.0, 0.5).tolist()
    one, other = DemoVisitors(1), DemoVisitors(1)
    seen = [one.at(time) for time in times]
    assert seen == [other.at(time) for time in times]
    assert max(map(len, seen)) == 3
    assert min(map(len, seen)) == 0
    assert all(len({visit.person for visit in visits}) == len(visits) for visits in seen), "at two places at once"
    visits = {id(visit): visit for each in seen for visit in each}.values()
    assert len(visits) > 30
    assert {visit.person for visit in visits} <= set(range(CROWD))
    assert any(visit.smiles > 0 for visit in visits)
    assert any(visit.smiles < 0 for visit in visits)


def test_a_visitor_enters_and_leaves_outside_of_the_picture() -> None:
    visit = next(v for t in range(20) for v in DemoVisitors(0).at(float(t)))
    for time in (visit.comes, visit.goes):
        assert not 0 < visit.place(time)[0] < WIDTH
    middle = (visit.comes + visit.goes) / 2
    assert abs(visit.place(middle)[0] - visit.x * WIDTH) < 5
    assert DemoScene(DemoVisitors(0)).draw(middle).shape == (HEIGHT, WIDTH, 3)


def test_the_box_of_landmarks_is_where_the_detector_draws_it() -> None:
    source = SyntheticFaces(people=30, videos=1, frames=1, min_width=200, max_width=260, test_frames=0)
    detector, overlaps = OwnDetector(0.15), []
    for person in range(30):
        row = source.row(person, 0, 0)
        boxes = detector.detect(source.read(row))
        if len(boxes):
            overlaps.append(overlap(box_of(row.landmarks)[None], boxes).max())
    assert len(overlaps) > 8
    assert np.median(overlaps) > 0.6


@pytest.mark.data
def test_yunet_finds_the_visitors_and_draws_its_boxes_alike(data_root: Path) -> None:
    yunet = YuNetDetector(data_root / "weights" / "yunet_n_320_320.onnx")
    faces, found, _ = hits(yunet, 40)
    assert found >= 0.9 * faces
    scene = DemoScene(DemoVisitors(3))
    frame = scene.draw(8.0)
    assert overlap(yunet.detect(frame), OwnDetector().detect(frame)).max() > 0.6


def test_a_detector_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    with pytest.raises(InputError, match="no such file"):
        make_detector(str(file))
    file.write_bytes(b"nothing that OpenCV knows")
    with pytest.raises(InputError, match="no YuNet network"):
        make_detector(str(file))

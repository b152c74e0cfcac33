from dataclasses import replace

import cv2
import numpy as np
import pytest

from faceline.drawing.appearance import muted, random_light, random_looks, random_scene
from faceline.drawing.painting import curve, fill, fill_soft, paint_quads, quads_of, stroke_soft
from faceline.drawing.person import PosedFace, draw_person
from faceline.drawing.scenery import draw_occluder, random_background, take_picture
from faceline.geometry.face_model import Expression, express, identity, neutral_shape, rotation

SIZE = 220


def a_scene(seed=0):
    rng = np.random.default_rng(seed)
    looks = replace(random_looks(rng), hairstyle="short", beard=0.0, moustache=0.0)
    plain = {"glasses": None, "occluder": None, "blur": 0.0, "motion": 0.0, "noise": 0.0, "gain": 1.0, "gamma": 1.0}
    return looks, replace(random_scene(rng, looks), **plain, quality=95)


def posed(yaw=0.0, pitch=0.0, roll=0.0, place=(110.3, 90.6), scale=55.0, expression=None):
    shape = express(neutral_shape(), expression or Expression())
    return PosedFace(shape, rotation(float(yaw), float(pitch), float(roll)), scale, place)


def drawn(face, looks, scene):
    canvas = np.full((SIZE, SIZE, 3), 120, np.uint8)
    draw_person(canvas, face, looks, scene)
    return canvas


def polygon_mask(points):
    """Pixels within a polygon by the crossing rule, independent of the drawing library."""
    y, x = np.mgrid[:SIZE, :SIZE]
    inside = np.zeros((SIZE, SIZE), bool)
    for (ax, ay), (bx, by) in zip(points, np.roll(points, -1, axis=0), strict=True):
        crosses = (ay > y) != (by > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return inside


POSES = [(0, 0, 0), (25, 0, 0), (-25, 8, 12), (10, -12, -15)]


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("first", [36, 42])
def test_eyes_are_drawn_at_their_landmarks(pose, first):
    """What changes when only the white of the eye and the iris change lies within the six points of the eye."""
    looks, scene = a_scene()
    face = posed(*pose)
    green = drawn(face, replace(looks, iris=np.array([0.0, 255.0, 0.0])), scene).astype(int)
    red = drawn(face, replace(looks, iris=np.array([255.0, 0.0, 0.0])), scene).astype(int)
    changed = np.abs(green - red).sum(axis=2)
    eye = face.to_pixels(face.shape)[first : first + 6, :2]
    y, x = np.nonzero(changed > 40)
    near = (np.abs(x - eye[:, 0].mean()) < 14) & (np.abs(y - eye[:, 1].mean()) < 14)
    assert near.sum() > 15
    low, high = eye.min(axis=0), eye.max(axis=0)
    assert (x[near] > low[0] - 1).all()
    assert (x[near] < high[0] + 1).all()
    assert (y[near] > low[1] - 1.5).all()
    assert (y[near] < high[1] + 1.5).all()
    # with the gaze straight ahead the centroid of the iris is the centre of the eye
    weight = changed[y[near], x[near]]
    centroid = np.array([np.average(x[near], weights=weight), np.average(y[near], weights=weight)])
    assert np.linalg.norm(centroid - eye.mean(axis=0)) < 1.5


@pytest.mark.parametrize("pose", POSES)
def test_lips_are_drawn_within_the_mouth_landmarks(pose):
    looks, scene = a_scene(1)
    face = posed(*pose, expression=Expression(mouth_open=0.3))
    one = drawn(face, replace(looks, lips=np.array([255.0, 0.0, 0.0])), scene).astype(int)
    two = drawn(face, replace(looks, lips=np.array([0.0, 0.0, 255.0])), scene).astype(int)
    changed = np.abs(one - two).sum(axis=2) > 150
    mouth = polygon_mask(face.to_pixels(face.shape)[48:60, :2])
    grown = cv2.dilate(mouth.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert (changed & grown).sum() / changed.sum() > 0.99
    lips = mouth & ~polygon_mask(face.to_pixels(face.shape)[60:68, :2])
    assert (changed & lips).sum() / lips.sum() > 0.8


def test_brows_and_jaw_are_drawn_at_their_landmarks():
    looks, scene = a_scene(2)
    face = posed()
    points = face.to_pixels(face.shape)[:, :2]
    dark = replace(looks, skin=np.array([230.0, 180.0, 150.0]), hair=np.array([10.0, 10.0, 10.0]), beard=0.0)
    picture = drawn(face, dark, scene).astype(float).mean(axis=2)
    for brow in (19, 24):
        column = round(points[brow, 0])
        rows = np.arange(round(points[brow, 1]) - 6, round(points[brow, 1]) + 7)
        darkness = np.clip(picture[rows, column].max() - 40 - picture[rows, column], 0, None)
        assert abs(np.average(rows, weights=darkness) - points[brow, 1]) < 1.5
    blue = drawn(face, replace(dark, skin=np.array([0.0, 0.0, 250.0])), scene).astype(int)
    red = drawn(face, replace(dark, skin=np.array([250.0, 0.0, 0.0])), scene).astype(int)
    skin = np.abs(blue - red).sum(axis=2) > 40
    for left, right in ((3, 13), (4, 12)):  # under the ears the jaw is the outline
        row = round((points[left, 1] + points[right, 1]) / 2)
        columns = np.flatnonzero(skin[row])
        assert abs(columns.min() - points[left, 0]) < 3
        assert abs(columns.max() - points[right, 0]) < 3


def test_shut_eyes_show_no_iris_and_a_far_lid_stays_behind_the_nose():
    looks, scene = a_scene()
    green, red = (replace(looks, iris=np.array(colour)) for colour in ([0.0, 255.0, 0.0], [255.0, 0.0, 0.0]))
    for face, most in ((posed(expression=Expression(eye_close=1.0)), 25), (posed(), 400)):
        changed = np.abs(drawn(face, green, scene).astype(int) - drawn(face, red, scene).astype(int)).sum(axis=2) > 60
        assert changed.sum() < most
    assert changed.sum() > 40


@pytest.mark.parametrize("hairstyle", ["bald", "short", "fringe", "long"])
@pytest.mark.parametrize("glasses", [None, "clear", "sun"])
@pytest.mark.parametrize("yaw", [-45, 0, 45])
def test_every_style_can_be_drawn_in_every_pose(hairstyle, glasses, yaw):
    looks, scene = a_scene(3)
    picture = drawn(posed(yaw), replace(looks, hairstyle=hairstyle, beard=0.8), replace(scene, glasses=glasses))
    plain = drawn(posed(yaw), replace(looks, hairstyle="short", beard=0.0), scene)
    assert (picture != 120).any(axis=2).mean() > 0.2
    assert (picture != plain).any()


@pytest.mark.parametrize("place", [(-500.0, 90.0), (110.0, -600.0), (800.0, 90.0)])
def test_a_face_outside_the_frame_is_no_error(place):
    looks, scene = a_scene()
    picture = drawn(posed(place=place), replace(looks, hairstyle="long"), replace(scene, glasses="clear"))
    assert picture.shape == (SIZE, SIZE, 3)
    background = (picture == 120).all(axis=2).mean()
    assert background > 0.2


def test_light_falls_on_the_side_of_the_lamp():
    light = random_light(np.random.default_rng(0))
    towards, away = light.shade(np.stack([light.direction, -light.direction]))
    assert (towards > away).all()
    looks, scene = a_scene(4)
    from_left = replace(scene.light, direction=np.array([-0.8, 0.0, 0.6]))
    picture = drawn(posed(), looks, replace(scene, light=from_left)).astype(float).mean(axis=2)
    face = slice(85, 120)
    assert picture[face, 65:85].mean() > picture[face, 135:155].mean() + 10


def test_dark_and_light_people_and_their_looks_are_reproducible():
    first, again = (random_looks(np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.skin, again.skin)
    assert first.hairstyle == again.hairstyle
    crowd = [random_looks(np.random.default_rng(seed)) for seed in range(60)]
    assert {looks.hairstyle for looks in crowd} == {"bald", "short", "fringe", "long"}
    brightness = np.array([looks.skin.mean() for looks in crowd])
    assert brightness.max() > 2 * brightness.min()
    scenes = [random_scene(np.random.default_rng(seed), crowd[0]) for seed in range(150)]
    assert {scene.occluder for scene in scenes} == {None, "microphone", "edge"}
    np.testing.assert_allclose(muted(np.array([30.0, 60.0, 90.0]), 1.0), 60)


def test_backgrounds_differ_and_can_be_drawn_again():
    light = random_light(np.random.default_rng(0))
    pictures = [random_background(np.random.default_rng(seed), 90, 70, light) for seed in range(12)]
    assert all(picture.shape == (70, 90, 3) for picture in pictures)
    assert min(np.abs(a.astype(int) - b).mean() for a, b in zip(pictures[1:], pictures[:-1], strict=True)) > 3
    np.testing.assert_array_equal(pictures[4], random_background(np.random.default_rng(4), 90, 70, light))


@pytest.mark.parametrize("occluder", ["microphone", "edge"])
def test_an_occluder_hides_something_but_not_the_eyes(occluder):
    _, scene = a_scene()
    face = posed()
    points = face.to_pixels(face.shape)[:, :2]
    for seed in range(5):
        canvas = np.full((SIZE, SIZE, 3), 200, np.uint8)
        rng = np.random.default_rng(seed)
        draw_occluder(canvas, points, face.scale, replace(scene, occluder=occluder), rng)
        hidden = (canvas != 200).any(axis=2)
        assert hidden.mean() > 0.01
        x, y = np.round(points[[37, 44, 30]]).astype(int).T
        assert not hidden[y, x].any()


def test_the_camera_blurs_adds_noise_and_keeps_the_size():
    looks, scene = a_scene()
    sharp = drawn(posed(), looks, scene)

    def detail(picture):
        return cv2.Laplacian(picture, cv2.CV_64F).std()

    def shot(**faults):
        return take_picture(sharp, replace(scene, **faults), np.random.default_rng(0))

    assert np.abs(shot().astype(int) - sharp).mean() < 3
    assert detail(shot(blur=1.5)) < 0.6 * detail(sharp)
    assert detail(shot(motion=4.0)) < 0.9 * detail(sharp)
    assert detail(shot(noise=8.0)) > detail(shot())
    assert shot(gain=0.7).mean() < sharp.mean() < shot(gamma=0.7).mean()
    assert np.abs(shot(quality=10).astype(int) - sharp).mean() > np.abs(shot().astype(int) - sharp).mean()


def test_curve_goes_through_its_points_and_is_straight_on_a_line():
    points = np.random.default_rng(0).uniform(0, 50, (5, 2))
    np.testing.assert_allclose(curve(points, steps=4)[::4], points, atol=1e-9)
    line = np.linspace([0, 0], [8, 4], 3)
    np.testing.assert_allclose(curve(line)[:, 1], curve(line)[:, 0] / 2, atol=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.25, 0.5, 0.75])
def test_shapes_lie_where_they_are_said_to_to_a_fraction_of_a_pixel(shift):
    canvas = np.zeros((60, 60, 3), np.uint8)
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    fill(canvas, 30 + shift + 8 * np.stack([np.cos(angle), np.sin(angle)], axis=1), np.full(3, 255.0))
    y, x = np.mgrid[:60, :60]
    weight = canvas[..., 0].astype(float)
    assert abs(np.average(x, weights=weight) - 30 - shift) < 0.2
    assert abs(np.average(y, weights=weight) - 30 - shift) < 0.2


def test_soft_shapes_mix_with_what_is_there_and_ignore_what_is_outside():
    canvas = np.zeros((60, 60, 3), np.uint8)
    outline = np.array([[20.0, 20.0], [40.0, 20.0], [40.0, 40.0], [20.0, 40.0]])
    fill_soft(canvas, outline, np.full(3, 200.0), 1.0, 0.5)
    assert abs(int(canvas[30, 30, 0]) - 100) <= 1
    assert canvas[5, 5, 0] == 0
    before = canvas.copy()
    fill_soft(canvas, outline + 500, np.full(3, 200.0), 1.0, 0.5)
    np.testing.assert_array_equal(canvas, before)
    thick, thin = np.zeros_like(canvas), np.zeros_like(canvas)
    for picture, width in ((thick, 2.0), (thin, 0.5)):
        stroke_soft(picture, np.array([[10.0, 30.0], [50.0, 30.0]]), np.full(3, 250.0), width, 1.0)
    assert thick.sum() > 1.5 * thin.sum() > 0


def test_near_quads_hide_far_ones():
    grid = np.stack(np.meshgrid([10.0, 30.0], [10.0, 30.0], indexing="xy"), axis=2)
    near, far = (np.concatenate([grid, np.full((2, 2, 1), depth)], axis=2) for depth in (5.0, -5.0))
    quads = np.concatenate([quads_of(near), quads_of(far)])
    colours = np.array([[250.0, 0.0, 0.0], [0.0, 250.0, 0.0]])
    canvas = np.zeros((40, 40, 3), np.uint8)
    paint_quads(canvas, quads, colours, np.array([True, True]), 0.5)
    assert canvas[20, 20].tolist() == [250, 0, 0]
    canvas[:] = 0
    paint_quads(canvas, quads, colours, np.array([False, True]), 0.5)
    assert canvas[20, 20].tolist() == [0, 250, 0]
    paint_quads(canvas, quads + np.array([500.0, 0, 0]), colours, np.array([True, True]), 0.5)
    assert canvas[20, 20].tolist() == [0, 250, 0]


def test_two_people_look_different():
    _, scene = a_scene()
    pictures = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        face = PosedFace(identity(rng), rotation(0.0, 0.0, 0.0), 55.0, (110.0, 90.0))
        pictures.append(drawn(face, random_looks(rng), scene).astype(int))
    assert np.abs(pictures[0] - pictures[1]).mean() > 5

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from omegaconf import OmegaConf

from faceline import transforms as T
from faceline.config.resolvers import register
from faceline.errors import InputError
from faceline.geometry.coordinates import denormalise_landmarks, normalise_landmarks

CONF = Path(__file__).parents[2] / "conf" / "transforms"
CONFIGS = ("none", "study", "standard", "strong", "wide", "everywhere", "faces")
SIZES = st.tuples(st.integers(40, 160), st.integers(40, 160))
SEEDS = st.integers(0, 2**63 - 1)
# Also far outside of any image.
LANDMARKS = arrays(np.float64, (68, 2), elements=st.floats(-500, 500))
# In the middle of the face, of no partner, so that a flip leaves it the same landmark.
NOSE_TIP = 30

GEOMETRIC: dict[str, Callable[[], T.Transform]] = {
    "HorizontalFlip": lambda: T.HorizontalFlip(1.0),
    "RandomRotation": lambda: T.RandomRotation(-90, 90),
    "RandomRotation constant": lambda: T.RandomRotation(-180, 180, border="constant"),
    "ScaleShift": lambda: T.ScaleShift((0.6, 1.5), (-0.2, 0.2)),
    "RandomAffine": lambda: T.RandomAffine((-60, 60), (0.6, 1.5), (-0.2, 0.2)),
    "Rescale": lambda: T.Rescale(131, 97),
}
PHOTOMETRIC: dict[str, Callable[[], T.Transform]] = {
    "Brightness": lambda: T.Brightness(0.3, 0.4, 0.1, 0.5, 1.0),
    "AddNoise": lambda: T.AddNoise((0.01, 0.05)),
    "Blur": lambda: T.Blur((0.3, 2.0), 7, 1.0),
    "Compression": lambda: T.Compression((30, 90), 1.0),
    "Occlusion": lambda: T.Occlusion(2, (0.1, 0.3), 1.0),
}


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth colours without any symmetry, read-only as a memory-mapped cache is."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = cv2.GaussianBlur(noise, (0, 0), 2)
    image.flags.writeable = False
    return image


def dotted(height: int, width: int, x: float, y: float) -> np.ndarray:
    """A soft bright dot about (x, y) on a plain background."""
    squared = (np.arange(width)[None, :] - x) ** 2 + (np.arange(height)[:, None] - y) ** 2
    grey = 40 + 160 * np.exp(-squared / (2 * 2.0**2))
    return np.repeat(np.round(grey).astype(np.uint8)[..., None], 3, axis=2)


def centroid(image: np.ndarray) -> np.ndarray:
    """Where the dot is: the centre of what is much brighter than the background."""
    grey = image.astype(float).mean(axis=2)
    light = grey - np.median(grey)
    assert light.max() > 30
    light = np.clip(light - 0.4 * light.max(), 0, None)
    return (
        np.array([(light.sum(0) * np.arange(len(light[0]))).sum(), (light.sum(1) * np.arange(len(light))).sum()])
        / light.sum()
    )


def filled(x: float, y: float) -> np.ndarray:
    return np.tile(np.array([x, y], dtype=np.float64), (68, 1))


def by_hand(landmarks: np.ndarray, degrees: float, width: int, height: int) -> np.ndarray:
    """Rotation about the middle of the image, counter-clockwise where y points down."""
    turn = np.deg2rad(degrees)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    return (landmarks - middle) @ matrix.T + middle


@settings(deadline=None, max_examples=30)
@given(LANDMARKS, st.floats(-180, 180), SIZES)
def test_rotating_by_an_angle_and_back_returns_the_landmarks(landmarks, angle, size):
    image = picture(*size)
    _, turned = T.Pipeline([T.RandomRotation(angle, angle)])(image, landmarks, 0)
    np.testing.assert_allclose(turned, by_hand(landmarks, angle, size[1], size[0]), atol=2e-3)
    _, back = T.Pipeline([T.RandomRotation(-angle, -angle)])(image, turned, 0)
    np.testing.assert_allclose(back, landmarks, atol=2e-3)


def test_rotating_the_image_and_back_returns_its_middle():
    y, x = np.mgrid[:120, :100] / 20
    image = np.stack([128 + 90 * np.sin(x + k) * np.cos(y - k) for k in range(3)], axis=2).astype(np.uint8)
    there, back = T.RandomRotation(33, 33), T.RandomRotation(-33, -33)
    again, _ = T.Pipeline([there, back])(image, filled(1, 1), 0)
    difference = np.abs(again.astype(int) - image)[30:-30, 30:-30]
    assert difference.max() <= 3


@settings(deadline=None, max_examples=30)
@given(LANDMARKS, SIZES, SEEDS)
def test_flipping_twice_is_the_identity(landmarks, size, seed):
    image = picture(*size)
    flip = T.Pipeline([T.HorizontalFlip(1.0)])
    once, moved = flip(image, landmarks, seed)
    np.testing.assert_array_equal(once, image[:, ::-1])
    twice, returned = flip(once, moved, seed)
    np.testing.assert_array_equal(twice, image)
    np.testing.assert_allclose(returned, landmarks, atol=1e-3)


def test_a_flip_swaps_left_and_right():
    landmarks = np.random.default_rng(0).uniform(0, 100, (68, 2))
    _, moved = T.Pipeline([T.HorizontalFlip(1.0)])(picture(90, 101), landmarks, 0)
    # Outer eye corners, ends of the jaw and corners of the mouth; the tip of the nose is its own partner.
    for left, right in ((36, 45), (0, 16), (48, 54), (NOSE_TIP, NOSE_TIP)):
        np.testing.assert_allclose(moved[left], [100 - landmarks[right, 0], landmarks[right, 1]], atol=1e-4)


@pytest.mark.parametrize("name", [*GEOMETRIC, *PHOTOMETRIC])
@settings(deadline=None, max_examples=25)
@given(size=SIZES, angle=st.floats(0, 2 * np.pi), away=st.floats(0, 1), seed=SEEDS)
def test_a_dot_ends_where_its_landmark_ends(name, size, angle, away, seed):
    height, width = size
    radius = away * (min(size) / 2 - 8)
    x, y = width / 2 + radius * np.cos(angle), height / 2 + radius * np.sin(angle)
    step = (GEOMETRIC | PHOTOMETRIC)[name]()
    before = dotted(height, width, x, y)
    image, landmarks = T.Pipeline([step])(before, filled(x, y), seed)
    expected = landmarks[NOSE_TIP]
    assume(np.all(expected > 6) and np.all(expected < np.array(image.shape[1::-1]) - 7))
    if name in PHOTOMETRIC:
        np.testing.assert_array_equal(landmarks, filled(x, y).astype(np.float32))
        assume(np.ptp(image.mean(axis=2)) > 40)  # the darkest leave nothing to measure
    if name == "Occlusion":
        column, row = expected.round().astype(int)
        near = np.s_[row - 5 : row + 6, column - 5 : column + 6]
        assume(np.array_equal(image[near], before[near]))
        image = np.where(
            (np.indices(image.shape[:2]) - [[[row]], [[column]]]).__abs__().max(0)[..., None] <= 5, image, 40
        )
    assert np.linalg.norm(centroid(image) - expected) < 0.5


@settings(deadline=None, max_examples=40)
@given(size=st.tuples(st.integers(60, 480), st.integers(60, 480)), target=st.sampled_from((96, 128, 224, 225)))
def test_a_dot_survives_rescaling_up_and_down(size, target):
    height, width = size
    x, y = 0.31 * width, 0.64 * height
    sigma = max(2.0, max(size) / target)
    squared = (np.arange(width)[None, :] - x) ** 2 + (np.arange(height)[:, None] - y) ** 2
    before = np.repeat((40 + 160 * np.exp(-squared / (2 * sigma**2))).astype(np.uint8)[..., None], 3, axis=2)
    image, landmarks = T.Pipeline([T.Rescale(target, target)])(before, filled(x, y), 0)
    assert image.shape == (target, target, 3)
    assert np.linalg.norm(centroid(image) - landmarks[0]) < 0.5


@pytest.mark.parametrize("name", [name for name in CONFIGS if name != "faces"])  # nobody needs their landmarks
@settings(deadline=None, max_examples=10)
@given(seed=SEEDS)
def test_a_dot_ends_where_its_landmark_ends_after_a_whole_config(name, seed):
    x, y, edge = 47.3, 52.8, 112
    # A hole may cover a dot in part, a scene has dots of its own, and few pixels place a dot by one of them: all three
    # are tested alone.
    alone = T.Occlusion | T.Scene | T.LowResolution
    steps = [step for step in pipelines(name, edge)["train"].steps if not isinstance(step, alone)]
    image, landmarks = T.Pipeline(steps)(dotted(97, 101, x, y), filled(x, y), seed)
    expected = landmarks[NOSE_TIP].numpy() * edge - 0.5
    assume(np.all(expected > 8) and np.all(expected < edge - 9))
    column, row = expected.round().astype(int)
    # Near the landmark only: the black corners of a rotation are no background.
    near = image.permute(1, 2, 0).numpy()[row - 7 : row + 8, column - 7 : column + 8] * 255
    assume(np.ptp(near.mean(axis=2)) > 70)  # dark, blurred and noisy at once leave nothing to measure
    found = centroid(near) + np.array([column - 7, row - 7])
    assert np.linalg.norm(found - expected) < 0.6


@pytest.mark.parametrize("name", [*GEOMETRIC, *PHOTOMETRIC])
@settings(deadline=None, max_examples=10)
@given(landmarks=LANDMARKS, seed=SEEDS)
def test_all_landmarks_survive_in_order(name, landmarks, seed):
    image = picture(80, 64)
    before = image.copy()
    _, moved = T.Pipeline([(GEOMETRIC | PHOTOMETRIC)[name]()])(image, landmarks, seed)
    assert moved.shape == (68, 2)
    assert moved.dtype == np.float32
    np.testing.assert_array_equal(image, before)
    # Each step is affine in the landmarks: three known points give the map, and it must send landmark i to
    # where landmark i is. In a flip only those without a partner keep their place.
    if name == "HorizontalFlip":
        moved, landmarks = moved[[NOSE_TIP, 27, 33, 51, 8]], landmarks[[NOSE_TIP, 27, 33, 51, 8]]
    probes = np.zeros((68, 2))
    probes[[NOSE_TIP, 27, 33]] = [(0, 0), (1000, 0), (0, 1000)]
    _, seen = T.Pipeline([(GEOMETRIC | PHOTOMETRIC)[name]()])(image, probes, seed)
    origin = seen[NOSE_TIP].astype(float)
    matrix = np.stack([seen[27] - origin, seen[33] - origin]) / 1000
    np.testing.assert_allclose(moved, landmarks @ matrix + origin, atol=5e-3)


@pytest.mark.parametrize("name", ["Brightness", "AddNoise", "Blur", "Compression", "Occlusion"])
def test_photometric_steps_change_the_image_and_not_its_form(name):
    image = picture(80, 64)
    step = T.Pipeline([PHOTOMETRIC[name]()])
    results = [step(image, filled(1, 2), seed)[0] for seed in range(8)]
    assert all(result.shape == image.shape and result.dtype == np.uint8 for result in results)
    assert sum(not np.array_equal(result, image) for result in results) >= 7
    assert len({result.tobytes() for result in results}) >= 4


def test_grey_and_occlusion_do_what_they_say():
    image = picture(80, 64)
    grey, _ = T.Pipeline([T.Brightness(0, 0, 0, grey=1.0)])(image, filled(1, 2), 0)
    assert np.ptp(grey.astype(int), axis=2).max() == 0
    covered, _ = T.Pipeline([T.Occlusion(1, (0.25, 0.25), 1.0)])(image, filled(1, 2), 0)
    changed = np.argwhere(np.any(covered != image, axis=2))
    rows, columns = np.ptp(changed, axis=0) + 1
    assert (rows, columns) == (20, 16)


@settings(deadline=None, max_examples=40)
@given(size=SIZES, seed=SEEDS)
def test_a_scene_shows_the_whole_face_smaller_and_where_its_landmarks_are(size, seed):
    height, width = size
    image = cv2.GaussianBlur(picture(height, width, 3), (0, 0), 3)
    image = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX)
    angles = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    face = np.stack([0.5 + 0.22 * np.cos(angles), 0.55 + 0.25 * np.sin(angles)], axis=1) * [width, height]
    scene, moved = T.Pipeline([T.Scene((0.5, 0.9), 1.0)])(image, face, seed)
    assert scene.shape == image.shape and scene.dtype == np.uint8
    assert moved.min() >= 0 and np.all(moved < [width, height])
    plain = np.hstack([face, np.ones((68, 1))])
    way, *_ = np.linalg.lstsq(plain, moved.astype(float), rcond=None)
    np.testing.assert_allclose(plain @ way, moved, atol=1e-3)
    np.testing.assert_allclose(way[:2], np.eye(2) * way[0, 0], atol=1e-4)
    assert 0.499 < way[0, 0] < 0.901
    # What the scene shows inside of the face is what the image shows there, and a pixel beside it is something else.
    inside = np.concatenate([(moved - moved.mean(0)) * share + moved.mean(0) for share in (0.25, 0.5, 0.75)])
    before = ((inside - way[2]) / way[0, 0]).astype(np.float32)[None]
    expected = cv2.remap(image, before, None, cv2.INTER_LINEAR).astype(float)

    def off(shift: tuple[int, int]) -> float:
        there = (inside + shift).astype(np.float32)[None]
        return float(np.abs(cv2.remap(scene, there, None, cv2.INTER_LINEAR) - expected).mean())

    assert off((0, 0)) < 0.75 * min(off(shift) for shift in ((1, 0), (-1, 0), (0, 1), (0, -1)))


def test_scenes_have_faces_of_all_sizes_everywhere_before_something_else():
    image, angles = picture(96, 96), np.linspace(0, 2 * np.pi, 68, endpoint=False)
    face = 48 + 20 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    step = T.Pipeline([T.Scene((0.25, 1.0), 1.0)])
    seen = [step(image, face, seed) for seed in range(60)]
    sizes = np.array([np.ptp(points[:, 1]) for _, points in seen]) / 40
    assert sizes.min() < 0.3 and sizes.max() > 0.9
    places = np.array([points.mean(axis=0) for _, points in seen])
    assert places.min() < 20 and places.max() > 76
    assert len({scene[0].tobytes() for scene, _ in seen}) > 50


def test_noise_has_the_standard_deviation_asked_for():
    image = np.full((200, 200, 3), 128, dtype=np.uint8)
    noisy, _ = T.Pipeline([T.AddNoise((0.04, 0.04))])(image, filled(1, 2), 3)
    assert np.std(noisy / 255.0) == pytest.approx(0.04, rel=0.05)


def test_noise_is_normal_and_another_one_for_each_pixel_and_seed():
    image = np.full((200, 200, 3), 128, dtype=np.uint8)
    step = T.Pipeline([T.AddNoise((0.1, 0.1))])
    noise = step(image, filled(1, 2), 1)[0].astype(float) - 128
    z = noise / noise.std()
    assert abs(z.mean()) < 0.01 and abs((z**3).mean()) < 0.03 and (z**4).mean() == pytest.approx(3, abs=0.1)
    for a, b in ((z[1:], z[:-1]), (z[:, 1:], z[:, :-1]), (z[..., 1:], z[..., :-1])):
        assert abs((a * b).mean()) < 0.02
    other = step(image, filled(1, 2), 2)[0].astype(float) - 128
    assert abs((z * other / other.std()).mean()) < 0.02
    wide = np.full((1200, 1200, 3), 128, dtype=np.uint8)  # more pixels than noise is kept
    assert np.std(step(wide, filled(1, 2), 3)[0] / 255.0) == pytest.approx(0.1, rel=0.05)


def test_probability_zero_leaves_everything():
    image, landmarks = picture(50, 60), np.random.default_rng(1).uniform(0, 50, (68, 2)).astype(np.float32)
    steps = [
        T.HorizontalFlip(0.0),
        T.RandomRotation(probability=0.0),
        T.ScaleShift(probability=0.0),
        T.RandomAffine(probability=0.0),
        T.Brightness(grey=0.0, probability=0.0),
        T.AddNoise(probability=0.0),
        T.Blur(probability=0.0),
        T.Compression(probability=0.0),
        T.Occlusion(probability=0.0),
        T.Scene(probability=0.0),
    ]
    same, moved = T.Pipeline(steps)(image, landmarks, 7)
    np.testing.assert_array_equal(same, image)
    np.testing.assert_array_equal(moved, landmarks)


def test_rescale_is_free_at_the_right_size():
    image = picture(64, 48)
    same, _ = T.Pipeline([T.Rescale(64, 48)])(image, filled(1, 2), 0)
    assert same is image


@settings(deadline=None, max_examples=30)
@given(LANDMARKS, SIZES, SIZES)
def test_normalised_landmarks_do_not_know_the_size(landmarks, size, other):
    height, width = size
    unit = normalise_landmarks(landmarks, (width, height))
    np.testing.assert_allclose(denormalise_landmarks(unit, (width, height)), landmarks, atol=1e-9)
    _, moved = T.Pipeline([T.Rescale(*other)])(picture(*size), landmarks, 0)
    np.testing.assert_allclose(normalise_landmarks(moved, other[::-1]), unit, atol=1e-4)
    _, flipped = T.Pipeline([T.HorizontalFlip(1.0), T.Normalize()])(picture(*size), landmarks, 0)
    np.testing.assert_allclose(flipped[NOSE_TIP], [1 - unit[NOSE_TIP, 0], unit[NOSE_TIP, 1]], atol=1e-4)


def test_normalize_and_to_tensor():
    image, landmarks = picture(50, 60), filled(29.5, 24.5)
    unit, points = T.Pipeline([T.Normalize(), T.ToTensor()])(image, landmarks, 0)
    assert unit.dtype == points.dtype == torch.float32
    np.testing.assert_allclose(unit.numpy(), image.transpose(2, 0, 1) / 255, atol=1e-6)
    assert torch.equal(points, torch.full((68, 2), 0.5))


def test_to_tensor_alone_keeps_bytes_and_pixels():
    image, landmarks = picture(50, 60), filled(29.5, 24.5)
    planes, points = T.Pipeline([T.ToTensor()])(image, landmarks, 0)
    assert planes.dtype == torch.uint8
    assert planes.is_contiguous()
    np.testing.assert_array_equal(planes.numpy(), image.transpose(2, 0, 1))
    np.testing.assert_array_equal(points.numpy(), landmarks)
    planes += 1
    np.testing.assert_array_equal(image, picture(50, 60))


def pipelines(name: str, size: int) -> dict[str, T.Pipeline]:
    register()
    config = OmegaConf.create({"data": {"size": size}, "transforms": OmegaConf.load(CONF / f"{name}.yaml")})
    return {part: instantiate(config.transforms[part]) for part in ("train", "eval")}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_builds_and_runs(name):
    assert {path.stem for path in CONF.glob("*.yaml")} == set(CONFIGS)
    landmarks = np.random.default_rng(0).uniform(-20, 130, (68, 2))
    for part, pipeline in pipelines(name, 64).items():
        outputs = [pipeline(picture(90, 110), landmarks, seed) for seed in range(12)]
        for image, points in outputs:
            assert image.shape == (3, 64, 64)
            assert points.shape == (68, 2)
            assert image.dtype == points.dtype == torch.float32
            assert image.min() >= 0
            assert image.max() <= 1
            assert torch.isfinite(points).all()
        plain = part == "eval" or name == "none"
        assert len({image.numpy().tobytes() for image, _ in outputs}) == (1 if plain else 12)
        if plain:
            kept = ((110 - 64) // 2, (90 - 64) // 2, 64, 64) if name == "faces" else (0, 0, 110, 90)
            np.testing.assert_allclose(outputs[0][1], (landmarks - kept[:2] + 0.5) / kept[2:], atol=1e-5)


def test_study_has_the_five_transforms_of_the_study():
    names = [type(step).__name__ for step in pipelines("study", 224)["train"].steps]
    assert names == ["Rescale", "RandomRotation", "AddNoise", "Normalize", "ToTensor"]


def fingerprint(name: str, seeds: list[int]) -> str:
    pipeline, digest = pipelines(name, 48)["train"], hashlib.sha256()
    landmarks = np.arange(136, dtype=np.float64).reshape(68, 2)
    for seed in seeds:
        image, points = pipeline(picture(60, 70), landmarks, seed)
        digest.update(image.numpy().tobytes() + points.numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("name", ["study", "standard", "strong", "wide"])
def test_the_seed_decides_whatever_came_before(name):
    pipeline = pipelines(name, 48)["train"]
    image, landmarks = picture(60, 70), filled(30, 30)
    first = [pipeline(image, landmarks, seed) for seed in range(10)]
    np.random.seed(0)  # noqa: NPY002
    cv2.setRNGSeed(1)
    for seed in reversed(range(10)):
        again = pipeline(image, landmarks, seed)
        assert torch.equal(again[0], first[seed][0])
        assert torch.equal(again[1], first[seed][1])


def test_another_process_draws_the_same():
    seeds = list(range(12))
    code = f"import test_transforms as t; print(t.fingerprint('strong', {seeds}))"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "PYTHONHASHSEED": "7"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert result.stdout.strip() == fingerprint("strong", seeds)


def test_importing_asks_no_network():
    code = (
        "import socket, warnings; warnings.simplefilter('error', UserWarning)\n"
        "def refuse(*a, **k): raise SystemExit('network')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "import faceline.transforms, os; print(os.environ['NO_ALBUMENTATIONS_UPDATE'])"
    )
    environment = {key: value for key, value in os.environ.items() if key != "NO_ALBUMENTATIONS_UPDATE"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert (result.returncode, result.stdout.strip()) == (0, "1"), result.stderr


@pytest.mark.parametrize(
    ("build", "place"),
    [
        (lambda: T.Rescale(height=0), "Rescale.height"),
        (lambda: T.Rescale(width=100_000), "Rescale.width"),
        (lambda: T.HorizontalFlip(1.5), "HorizontalFlip.probability"),
        (lambda: T.RandomRotation(low=-200), "RandomRotation.low"),
        (lambda: T.RandomRotation(low=10, high=-10), "RandomRotation.low"),
        (lambda: T.RandomRotation(probability=-0.1), "RandomRotation.probability"),
        (lambda: T.RandomAffine(rotation=(-25,)), "RandomAffine.rotation"),
        (lambda: T.RandomAffine(scale=[0.0, 1.2]), "RandomAffine.scale"),
        (lambda: T.Scene(scale=(0.5, 1.5)), "Scene.scale"),
        (lambda: T.Scene(probability=2), "Scene.probability"),
        (lambda: T.RandomAffine(shift=[0.2, -0.2]), "RandomAffine.shift"),
        (lambda: T.ScaleShift(scale=(0.8, float("nan"))), "ScaleShift.scale"),
        (lambda: T.Brightness(brightness=2), "Brightness.brightness"),
        (lambda: T.Brightness(gamma=1.0), "Brightness.gamma"),
        (lambda: T.Brightness(colour=-1), "Brightness.colour"),
        (lambda: T.Brightness(grey=7), "Brightness.grey"),
        (lambda: T.AddNoise(std=(10, 50)), "AddNoise.std"),
        (lambda: T.Blur(motion=4), "Blur.motion"),
        (lambda: T.Blur(sigma=(0, 1)), "Blur.sigma"),
        (lambda: T.Compression(quality=(0, 90)), "Compression.quality"),
        (lambda: T.Occlusion(holes=0), "Occlusion.holes"),
        (lambda: T.Occlusion(size=(0.5, 1.5)), "Occlusion.size"),
        (lambda: T.Pipeline([T.ToTensor(), T.Normalize()]), "steps"),
        (lambda: T.Pipeline([T.Normalize(), T.HorizontalFlip()]), "steps"),
        (lambda: T.Pipeline([T.ToTensor(), T.ToTensor()]), "steps"),
    ],
)
def test_wrong_values_are_refused_by_name(build, place):
    with pytest.raises(InputError, match=r"expected .*, got ") as caught:
        build()
    assert caught.value.column == f"transforms.{place}"


@pytest.mark.parametrize("border", ["reflect"])
def test_an_unknown_border_is_refused(border):
    # The type checker of the test run may be faster than the check itself.
    with pytest.raises(Exception, match=r"border"):
        T.RandomAffine(border=border)


@pytest.mark.parametrize(
    ("image", "landmarks"),
    [
        (np.zeros((10, 10, 3), np.uint8), np.zeros((5, 3))),
        (np.zeros((10, 10), np.uint8), np.zeros((68, 2))),
        (np.zeros((10, 10, 3), np.float32), np.zeros((68, 2))),
    ],
)
def test_wrong_shapes_are_refused(image, landmarks):
    # InputError, or the shape checker's error where it is on: the signature says the same.
    with pytest.raises(Exception, match=r"(?i)image|landmarks"):
        T.Pipeline([T.Rescale(8, 8)])(image, landmarks, 0)


class Dropping(T.Transform):
    def __init__(self) -> None:
        super().__init__(T.A.Compose([T.A.Crop(0, 0, 20, 20)], keypoint_params=T.A.KeypointParams(format="xy")))


class Keeping(T.Transform):
    def __init__(self) -> None:
        params = T.A.KeypointParams(format="xy", remove_invisible=False)
        super().__init__(T.A.Compose([T.A.Crop(10, 10, 30, 30)], keypoint_params=params))


class Forgetting(T.Transform):
    def __init__(self) -> None:
        super().__init__(T.A.Compose([T.A.Crop(0, 0, 20, 20)]))


class Spoiling(T.Transform):
    def __call__(self, image: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return image, landmarks * np.float32(np.nan)


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (Dropping, "transforms.Dropping': the step lost 2 landmarks; it must keep every one"),
        (Forgetting, "transforms.Forgetting': its Compose moves no landmarks"),
        (Spoiling, "transforms.Spoiling': the step returned landmarks that are not finite"),
    ],
)
def test_a_step_of_ones_own_that_spoils_landmarks_is_named(step: type[T.Transform], line: str) -> None:
    points = np.array([[5.0, 5.0], [30.0, 30.0], [10.0, 10.0], [35.0, 2.0]])
    with pytest.raises(InputError) as caught:
        T.Pipeline([step()])(np.zeros((40, 40, 3), np.uint8), points, 0)
    assert line in str(caught.value)


def test_a_compose_of_ones_own_that_keeps_landmarks_moves_them() -> None:
    points = np.array([[5.0, 5.0], [30.0, 30.0], [35.0, 2.0]])
    _, moved = T.Pipeline([Keeping()])(np.zeros((40, 40, 3), np.uint8), points, 0)
    np.testing.assert_allclose(moved, points - 10)

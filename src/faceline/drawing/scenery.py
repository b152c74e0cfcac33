"""What is around a drawn face: the background, things in the way, and the camera that takes the picture."""

import cv2
import numpy as np

from faceline.drawing.appearance import Light, VideoScene, muted
from faceline.drawing.painting import Points, blend, fill, fill_soft
from faceline.types import Image


def random_background(rng: np.random.Generator, width: int, height: int, light: Light) -> Image:
    """Draw a room, a wall or a street out of focus: gradient, cloudy texture, then shapes that may look like something.

    Args:
        rng: Random generator; the same state gives the same picture.
        width: Width in pixels.
        height: Height in pixels.
        light: The light of the scene.
    """
    first, second = muted(rng.uniform(25, 225, (2, 3)), 0.6)
    ramp = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    slant = rng.uniform(-0.5, 0.5) * np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    picture = first + (second - first) * np.clip(ramp + slant, 0, 1)
    for cells, strength in ((4, 22.0), (14, rng.uniform(2, 16)), (48, rng.uniform(0, 12))):
        cloud = rng.standard_normal((cells, cells, 1)).astype(np.float32)
        texture = cv2.resize(cloud, (width, height), interpolation=cv2.INTER_CUBIC)
        picture += strength * texture[..., None]
    canvas = np.clip(picture, 0, 255).astype(np.uint8)
    kind = rng.integers(4)
    if kind == 0:
        _boxes(canvas, rng)
    elif kind == 1:
        _lights(canvas, rng)
    elif kind == 2:
        _stripes(canvas, rng)
    if rng.random() < 0.25:
        _portrait(canvas, rng)
    depth = rng.choice([0.0, 1.0, 2.5, 5.0]) * width / 200
    if depth:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), depth), dtype=np.uint8)
    brightness = 0.4 + 0.6 * (light.lamp + light.room)
    return np.asarray(np.clip(canvas * brightness, 0, 255), dtype=np.uint8)


def _circle(centre: np.ndarray, radius: float, stretch: float = 1.0) -> Points:
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return np.asarray(centre + radius * np.stack([np.cos(angle), stretch * np.sin(angle)], axis=1))


def _boxes(canvas: Image, rng: np.random.Generator) -> None:
    h, w = canvas.shape[:2]
    for _ in range(int(rng.integers(4, 14))):
        x, y = rng.uniform(-0.1, 1.0, 2) * (w, h)
        dx, dy = rng.uniform(0.05, 0.45, 2) * (w, h)
        fill(
            canvas, np.array([[x, y], [x + dx, y], [x + dx, y + dy], [x, y + dy]]), muted(rng.uniform(15, 240, 3), 0.5)
        )


def _lights(canvas: Image, rng: np.random.Generator) -> None:
    h, w = canvas.shape[:2]
    for _ in range(int(rng.integers(5, 22))):
        centre, radius = rng.uniform(0, 1, 2) * (w, h), rng.uniform(0.02, 0.10) * w
        colour = rng.uniform(120, 255, 3)
        fill_soft(canvas, _circle(centre, radius), colour, 0.012 * w, rng.uniform(0.25, 0.85))


def _stripes(canvas: Image, rng: np.random.Generator) -> None:
    h, w = canvas.shape[:2]
    across = rng.uniform(-0.4, 0.4) * h if rng.random() < 0.5 else 0.0
    colour, step = muted(rng.uniform(20, 235, 3), 0.5), rng.uniform(0.06, 0.25) * w
    for x in np.arange(-w, 2 * w, step):
        fill(canvas, np.array([[x, 0], [x + 0.4 * step, 0], [x + 0.4 * step + across, h], [x + across, h]]), colour)


def _portrait(canvas: Image, rng: np.random.Generator) -> None:
    """Draw a small thing on the wall that looks like a face and is none."""
    h, w = canvas.shape[:2]
    centre, radius = rng.uniform(0.1, 0.9, 2) * (w, h), rng.uniform(0.05, 0.13) * w
    fill(canvas, _circle(centre, radius, 1.3), rng.uniform(90, 230, 3))
    dark = rng.uniform(10, 80, 3)
    for dx in (-0.4, 0.4):
        fill(canvas, _circle(centre + radius * np.array([dx, -0.2]), 0.13 * radius), dark)
    fill(canvas, _circle(centre + radius * np.array([0.0, 0.6]), 0.4 * radius, 0.25), dark)


def draw_occluder(canvas: Image, points: Points, scale: float, scene: VideoScene, rng: np.random.Generator) -> None:
    """Something between the camera and the face; most landmarks stay in sight.

    Args:
        canvas: Canvas, changed in place.
        points: The landmarks in pixels.
        scale: Pixels for one unit of the face model.
        scene: Kind of the object, and its light.
        rng: Random generator of place and colour; the same for all frames of a video.
    """
    side, colour, offset = rng.choice([-1.0, 1.0]), rng.uniform(15, 120, 3), rng.uniform(-0.2, 0.2)
    if scene.occluder == "microphone":
        ball = points[8] + scale * np.array([0.4 * side + offset, 0.12])
        foot = ball + scale * np.array([0.9 * side, 3.0])
        across = scale * np.array([0.13, 0.0])
        fill(canvas, np.stack([ball - across, ball + across, foot + across, foot - across]), 0.6 * colour)
        fill(canvas, _circle(ball, 0.30 * scale, 1.15), colour)
        highlight = ball + 0.12 * scale * scene.light.direction[:2]
        fill_soft(canvas, _circle(highlight, 0.13 * scale), np.clip(2.2 * colour, 0, 255), 0.08 * scale, 0.6)
    else:
        jaw = points[13] if side > 0 else points[3]
        edge = jaw[0] - side * scale * (0.05 + abs(offset))
        far = edge + side * 3 * canvas.shape[1]
        h = canvas.shape[0]
        plank = np.array([[edge, -h], [far, -h], [far, 2 * h], [edge + 0.4 * scale * side, 2 * h]])
        mask = np.zeros(canvas.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(plank).astype(np.int32)], 255)
        soft = cv2.GaussianBlur(mask, (0, 0), 0.06 * scale)
        blend(canvas, colour.astype(np.float32), soft / np.float32(255))


def take_picture(canvas: Image, scene: VideoScene, rng: np.random.Generator) -> Image:
    """Return the picture that a camera takes: lens and motion blur, exposure, noise, JPEG.

    Args:
        canvas: Canvas; it stays unchanged.
        scene: Faults of the camera.
        rng: Random generator of the noise.
    """
    picture = canvas
    if scene.blur:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), scene.blur), dtype=np.uint8)
    if scene.motion:
        length = 2 * int(np.ceil(scene.motion / 2)) + 1
        kernel = np.clip(scene.motion / 2 + 0.5 - np.abs(np.arange(length) - length // 2), 0, 1)[None]
        picture = np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), dtype=np.uint8)
    levels = 255 * np.clip(scene.gain * np.arange(256) / 255, 0, 1) ** scene.gamma
    noise = scene.noise * rng.standard_normal(picture.shape, dtype=np.float32)
    exposed = np.clip(levels.astype(np.float32)[picture] + noise, 0, 255).astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", exposed[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, scene.quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), dtype=np.uint8)[..., ::-1])

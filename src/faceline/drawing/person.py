"""Draw a posed face: skin over a head mesh with light on it, then features through the landmarks themselves."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float

from faceline.drawing.appearance import Looks, VideoScene
from faceline.drawing.features import draw_brows, draw_eye, draw_glasses, draw_mouth, draw_nose
from faceline.drawing.painting import blend, box, curve, fill, fill_soft, paint_quads, quads_of
from faceline.geometry.face_model import Shape3D, project
from faceline.geometry.head_mesh import CROWN, Grid, azimuths, head_around, heights, neutral_head, normals
from faceline.types import Image

Hair = Float[np.ndarray, "hair_rows hair_columns 3"]
"""Vertices of a sheet of hair over the head."""

_NOSE_HALF_WIDTH: Final = 0.17


@dataclass(frozen=True, eq=False)
class PosedFace:
    """A face somewhere in a frame.

    Attributes:
        shape: Landmarks of the unturned face with its expression, units of the face model.
        turn: Rotation of the head.
        scale: Pixels for one unit.
        place: Pixel of the origin of the head, x first.
        gaze: Where the eyes look, -1 to 1 within the opening, x first.
    """

    shape: Shape3D
    turn: Float[np.ndarray, "3 3"]
    scale: float
    place: tuple[float, float]
    gaze: tuple[float, float] = (0.0, 0.0)

    def to_pixels(self, points: Float[np.ndarray, "*rest 3"]) -> Float[np.ndarray, "*rest 3"]:
        """Points of the head in pixels."""
        return project(points, self.turn, self.scale, self.place)


def draw_person(canvas: Image, face: PosedFace, looks: Looks, scene: VideoScene) -> None:
    """Draw head, hair, neck and shoulders over what is on the canvas.

    Args:
        canvas: Canvas, changed in place.
        face: Where the face is; its features are drawn where ``to_pixels`` brings its landmarks.
        looks: The looks of the person.
        scene: Light, clothes and glasses.
    """
    head = head_around(face.shape)
    cap, locks = _hair_cap(head, looks), _hair_locks(head, looks)
    if locks is not None:
        _draw_hair(canvas, locks, face, looks, scene, front=False)
    _draw_torso(canvas, face, looks, scene)
    _draw_ears(canvas, face, looks, scene, near=False)
    _draw_skin(canvas, head, face, looks, scene)
    _draw_ears(canvas, face, looks, scene, near=True)
    bare = canvas.copy()
    points = face.to_pixels(face.shape)[:, :2]
    light = scene.light.shade(np.array([[-0.45, 0.0, 0.89], [0.45, 0.0, 0.89], [0.0, 0.0, 1.0]]) @ face.turn.T)
    draw_brows(canvas, points, looks, light, face.scale)
    for first, tint in ((36, light[0]), (42, light[1])):
        draw_eye(canvas, points[first : first + 6], face.gaze, looks, tint, face.scale)
    draw_mouth(canvas, points, looks, light[2], face.scale)
    _restore_nose(canvas, bare, head, face)
    draw_nose(canvas, points, looks, light[2], face.scale)
    for grid in (cap, locks) if locks is not None else (cap,):
        _draw_hair(canvas, grid, face, looks, scene, front=True)
    if scene.glasses is not None:
        draw_glasses(canvas, face.shape, face.to_pixels, scene, face.scale)


def _quad_centres() -> Grid:
    """Centres of the quads of the neutral head, by which its colours are laid out."""
    head = neutral_head()
    return np.asarray((head[1:, 1:] + head[:-1, :-1] + head[1:, :-1] + head[:-1, 1:]) / 4)


def _spot(where: Grid, x: float, y: float, width: float, height: float) -> np.ndarray:
    """1 around a place of the face and its mirror, falling off smoothly; 0 on the back of the head."""
    near = np.exp(-(((np.abs(where[..., 0]) - x) / width) ** 2) - ((where[..., 1] - y) / height) ** 2)
    return np.asarray(near * (where[..., 2] > 0))


def _skin_colours(looks: Looks) -> np.ndarray:
    """Return (quads_y, quads_x, 3) colour of the skin in even light, with blush, hollows and beard."""
    where = _quad_centres()
    colours = np.broadcast_to(looks.skin, where.shape).copy()
    blush = 0.16 * looks.blush * (_spot(where, 0.50, 0.55, 0.28, 0.25) + 0.7 * _spot(where, 0.0, 0.55, 0.16, 0.2))
    colours *= 1 - blush[..., None] * np.array([0.0, 0.8, 0.7])
    hollow = 0.30 * _spot(where, 0.30, -0.08, 0.2, 0.12) + 0.16 * _spot(where, 0.0, 1.24, 0.2, 0.06)
    hollow += 0.14 * _spot(where, 0.0, 0.76, 0.05, 0.07) + 0.5 * np.clip((where[..., 1] - 1.58) / 0.2, 0, 1)
    colours *= 1 - hollow[..., None] * np.array([0.8, 1.0, 1.0])
    x, y = np.abs(where[..., 0]), where[..., 1]
    cheek_line = 0.92 - 0.75 * np.clip(x - 0.42, 0, 1)
    lips = _spot(where, 0.0, 1.0, 0.34, 0.16)
    beard = looks.beard * np.clip((y - cheek_line) / 0.16, 0, 1) * (where[..., 2] > -0.15) * (1 - lips)
    moustache = looks.moustache * np.clip(1.6 * _spot(where, 0.14, 0.79, 0.22, 0.065), 0, 1)
    hairy = np.clip(np.maximum(beard, moustache), 0, 1)[..., None]
    return np.asarray(colours * (1 - hairy) + hairy * (0.8 * looks.hair + 0.1 * looks.skin))


def _draw_skin(canvas: Image, head: Grid, face: PosedFace, looks: Looks, scene: VideoScene) -> None:
    posed = face.to_pixels(head)
    normal = normals(posed)
    # Skin is softer than the mesh: light sees the mean normal of the neighbourhood.
    soft = np.asarray(cv2.GaussianBlur(normal, (0, 0), 1.3, borderType=cv2.BORDER_REPLICATE))
    soft = soft / np.maximum(np.linalg.norm(soft, axis=2, keepdims=True), 1e-9)
    colours = _skin_colours(looks) * scene.light.shade(soft)
    half_way = scene.light.direction + np.array([0.0, 0.0, 1.0])
    shine = np.clip(soft @ (half_way / np.linalg.norm(half_way)), 0, 1) ** 18
    colours += 34 * shine[..., None] * scene.light.lamp
    paint_quads(canvas, quads_of(posed), colours.reshape(-1, 3), normal[..., 2].ravel() > 0, 0.026 * face.scale)


def _restore_nose(canvas: Image, bare: Image, head: Grid, face: PosedFace) -> None:
    """Put the nose back over the far eye and the lip, where it stands before them."""
    where = _quad_centres()
    posed = face.to_pixels(head)
    is_nose = (np.abs(where[..., 0]) < _NOSE_HALF_WIDTH) & (np.abs(where[..., 1] - 0.36) < 0.36) & (where[..., 2] > 0)
    quads = quads_of(posed)[(is_nose & (normals(posed)[..., 2] > 0)).ravel()]
    if len(quads) == 0:
        return
    place = box(canvas, quads[..., :2].reshape(-1, 2), 2.0)
    mask = np.zeros(canvas.shape[:2], np.uint8)
    cv2.fillPoly(mask, list(np.round(quads[..., :2] * 16).astype(np.int32)), 255, cv2.LINE_8, 4)
    if mask[place].size:
        blend(canvas[place], bare[place], cv2.GaussianBlur(mask[place], (0, 0), 0.8).astype(np.float32) / 255)


def _rows_at(head: Grid, height: np.ndarray) -> np.ndarray:
    """Vertices of the head at heights of the neutral head, (k, columns) -> (k, columns, 3)."""
    row = np.clip(np.interp(height, heights(), np.arange(len(heights()))), 0, len(heights()) - 1.001)
    low = row.astype(int)
    part = (row - low)[..., None]
    columns = np.arange(head.shape[1])
    return np.asarray(head[low, columns] * (1 - part) + head[low + 1, columns] * part)


def _hair_cap(head: Grid, looks: Looks) -> Hair:
    """Hair on the skull, from the crown to the hairline."""
    degrees = np.abs(np.rad2deg(azimuths()))
    line = looks.hairline + (0.28 if looks.hairstyle == "fringe" else 0.0)
    temple = max(line, -0.62)
    if looks.hairstyle == "bald":
        line, temple = -1.45, -1.0  # a wreath of short hair is left
    edge = np.interp(
        degrees, [0, 30, 52, 68, 80, 96, 104, 140, 180], [line, line, temple, -0.25, 0.18, 0.12, 0.45, 0.85, 0.9]
    )
    edge = edge + 0.03 * np.sin(degrees * 0.9) * (looks.hairstyle != "bald")
    down = np.linspace(0, 1, 16)[:, None]
    surface = _rows_at(head, CROWN + down * (edge - CROWN))
    outward = surface - np.array([0.0, 0.1, -0.05])
    outward /= np.linalg.norm(outward, axis=2, keepdims=True)
    thick = looks.volume * (1 - 0.75 * down**3) + 0.015
    if looks.hairstyle == "bald":
        thick = thick * down
    return np.asarray(surface + outward * thick[..., None])


def _hair_locks(head: Grid, looks: Looks) -> Hair | None:
    """Long hair that hangs behind the ears."""
    if looks.hairstyle != "long":
        return None
    degrees = np.rad2deg(azimuths())
    behind = np.concatenate([np.flatnonzero(degrees >= 74), np.flatnonzero(degrees <= -74)[1:]])
    theta = azimuths()[behind]
    top = _rows_at(head, np.full((1, head.shape[1]), -0.5))[0][behind]
    radius = np.hypot(top[:, 0], top[:, 2]) + looks.volume
    down = np.linspace(0, 1, 14)[:, None]
    y = -0.5 + down * (2.3 + 2.0 * looks.volume - 0.12 * np.abs(np.sin(5 * theta)))
    bell = 1.0 + 0.10 * np.sin(np.pi * down) - 0.04 * down
    return np.stack([radius * bell * np.sin(theta), y, radius * bell * np.cos(theta) - 0.12 * down], axis=2)


def _draw_hair(canvas: Image, grid: Hair, face: PosedFace, looks: Looks, scene: VideoScene, front: bool) -> None:
    posed = face.to_pixels(grid)
    normal = normals(posed)
    column = np.arange(normal.shape[1])
    strands = 1 + 0.10 * np.sin(column * 2.4) + 0.07 * np.sin(column * 1.1 + 0.5)
    half_way = scene.light.direction + np.array([0.0, -0.5, 0.6])
    shine = np.clip(normal @ (half_way / np.linalg.norm(half_way)), 0, 1) ** 8
    colours = looks.hair * scene.light.shade(normal if front else 0.3 * normal) * strands[:, None]
    colours = colours + (24 + 0.12 * looks.hair) * shine[..., None] * strands[:, None]
    facing = normal[..., 2].ravel() > 0
    visible = facing if front else ~facing
    if not front:
        colours = 0.6 * colours
    paint_quads(canvas, quads_of(posed), colours.reshape(-1, 3), visible, 0.02 * face.scale)


def _draw_ears(canvas: Image, face: PosedFace, looks: Looks, scene: VideoScene, near: bool) -> None:
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    for side, column in ((-1, 0), (1, 16)):
        outward = np.array([side, 0.0, 0.35]) @ face.turn.T
        if (outward[2] > 0.36) != near:
            continue
        x, y, z = face.shape[column] * 0.5 + face.shape[column - side] * 0.5
        back, down = np.cos(angle), np.sin(angle)
        flap = np.where(back > 0, 0.15 * back, 0.0)
        lobe = 0.33 * down
        ear = np.stack([side * (abs(x) - 0.05 + flap), y + 0.06 + lobe, z - 0.16 - 0.17 * back], axis=1)
        colour = looks.skin * scene.light.shade(np.array([side * 0.5, 0.0, 0.85]) @ face.turn.T)
        fill(canvas, face.to_pixels(ear)[:, :2], np.clip(colour * np.array([0.95, 0.84, 0.82]), 0, 255))
        inner = ear.mean(axis=0) + 0.58 * (ear - ear.mean(axis=0))
        fill_soft(canvas, face.to_pixels(inner)[:, :2], 0.62 * colour, 0.03 * face.scale, 0.6)


def _draw_torso(canvas: Image, face: PosedFace, looks: Looks, scene: VideoScene) -> None:
    """Neck and shoulders; they follow the head only by half."""
    s = face.scale
    throat = face.to_pixels(np.array([[0.0, 1.05, 0.05]]))[0, :2]
    x, y = (throat + np.array([face.place[0], face.place[1] + 1.05 * s])) / 2 + np.array([0.0, 0.75 * s])
    light = scene.light
    shoulders = np.array([[-0.62, -0.12], [-0.85, 0.10], [-1.6, 0.32], [-2.15, 0.62], [-2.45, 1.3], [-2.5, 6.0]])
    outline = np.concatenate([curve(shoulders)[::-1], curve(shoulders * np.array([-1.0, 1.0]))])
    cloth = light.shade(np.array([0.0, -0.35, 0.94])) * scene.clothes
    neck_shade = light.shade(np.array([[-0.8, 0.1, 0.6], [0.0, 0.1, 1.0], [0.8, 0.1, 0.6]]))
    fill(canvas, outline * s + np.array([x, y]), np.clip(cloth, 0, 255))
    collar = np.stack([np.linspace(-0.62, 0.62, 25), 0.30 - np.linspace(-1, 1, 25) ** 2 * 0.36], axis=1)
    fill_soft(canvas, collar * s * 1.12 + np.array([x, y]), 0.6 * cloth, 0.03 * s, 0.5)
    turned = np.linspace(-1, 1, 13)
    edge = np.stack([throat + np.array([0.58 * s * t, 0.0]) for t in turned]), collar[::2] * s + np.array([x, y])
    shade = np.stack([np.interp(turned, [-1, 0, 1], neck_shade[:, c]) for c in range(3)], axis=1)
    neck = np.concatenate([np.stack(edge), np.zeros((2, 13, 1))], axis=2)
    colours = 0.80 * looks.skin * (shade[1:] + shade[:-1]) / 2
    paint_quads(canvas, quads_of(neck), colours, np.ones(12, bool), 0.05 * s)
    chin = face.to_pixels(face.shape[4:13])[:, :2]
    shadow = np.concatenate([chin, chin[::-1] + np.array([-0.16 * light.direction[0] * s, 0.28 * s])])
    fill_soft(canvas, shadow, 0.35 * looks.skin, 0.09 * s, 0.55)

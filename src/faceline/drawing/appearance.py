"""The looks of a drawn person, a scene and a camera, and how they are drawn at random."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Float

Colour = Float[np.ndarray, "3"]
"""Red, green, blue in 0 to 255."""

Hairstyle = Literal["bald", "short", "fringe", "long"]

_SKINS: Final = (
    (252, 222, 201), (244, 206, 178), (236, 190, 158), (222, 171, 136), (201, 148, 110),
    (176, 122, 86), (146, 97, 66), (112, 73, 50), (88, 58, 42),
)  # fmt: skip
_HAIRS: Final = (
    (28, 24, 24), (45, 33, 28), (74, 50, 36), (104, 70, 44), (146, 104, 62), (196, 158, 98),
    (140, 66, 34), (150, 148, 146), (206, 204, 200),
)  # fmt: skip
_DARK_HAIRS: Final = 3
_IRISES: Final = ((58, 38, 26), (84, 56, 34), (110, 84, 48), (88, 104, 66), (82, 116, 140), (112, 128, 136))
_DARK_IRISES: Final = 2


@dataclass(frozen=True, eq=False)
class Looks:
    """The looks of a person, which never change.

    Attributes:
        skin: Colour of the skin in white light.
        hair: Colour of hair, brows and beard.
        iris: Colour of the eyes.
        lips: Colour of the lips.
        hairstyle: How the hair is worn.
        hairline: Height of the hairline over the forehead, units of the face model.
        volume: Thickness of the hair, same units.
        beard: 0 shaven to 1 full.
        moustache: 0 shaven to 1 full.
        blush: Redness of the cheeks, 0 to 1.
        brow_thickness: Units of the face model.
        wears_glasses: Whether the person usually does.
    """

    skin: Colour
    hair: Colour
    iris: Colour
    lips: Colour
    hairstyle: Hairstyle
    hairline: float
    volume: float
    beard: float
    moustache: float
    blush: float
    brow_thickness: float
    wears_glasses: bool


@dataclass(frozen=True, eq=False)
class Light:
    """One lamp and what the room gives back.

    Attributes:
        direction: Unit vector towards the lamp (x right, y down, z towards the viewer).
        lamp: Colour and strength of the lamp, 1 is full.
        room: Colour and strength of the light from everywhere.
    """

    direction: Float[np.ndarray, "3"]
    lamp: Float[np.ndarray, "3"]
    room: Float[np.ndarray, "3"]

    def shade(self, normal: Float[np.ndarray, "*rest 3"]) -> Float[np.ndarray, "*rest 3"]:
        """Return the light that a surface gives back for each colour, by its unit normals."""
        facing = np.maximum((normal @ self.direction + 0.25) / 1.25, 0.0)  # wrapped: skin lets light through
        sky = 0.5 - 0.25 * normal[..., 1:2]  # more light from above
        return np.asarray(facing[..., None] * self.lamp + 2 * sky * self.room)


@dataclass(frozen=True, eq=False)
class VideoScene:
    """What stays within a video, beside the person.

    Attributes:
        light: How it is lit.
        clothes: Colour of the clothes.
        glasses: None, clear or sun glasses.
        glasses_colour: Colour of their frame.
        occluder: None, a microphone before the chin, or something unsharp at the edge of the face.
        blur: Standard deviation of the lens blur, in pixels of the frame.
        motion: Length of the motion blur in pixels, 0 for none.
        noise: Standard deviation of the sensor noise, in grey levels.
        gain: Factor on all pixels.
        gamma: Exponent on pixels of 0 to 1.
        quality: JPEG quality, 1 to 100.
    """

    light: Light
    clothes: Colour
    glasses: Literal["clear", "sun"] | None
    glasses_colour: Colour
    occluder: Literal["microphone", "edge"] | None
    blur: float
    motion: float
    noise: float
    gain: float
    gamma: float
    quality: int


def muted(colour: Float[np.ndarray, "*rest 3"], share: float) -> Float[np.ndarray, "*rest 3"]:
    """Return a colour mixed with the grey of its brightness.

    Args:
        colour: Red, green, blue last.
        share: The share of grey, 0 to 1.
    """
    return np.asarray((1 - share) * colour + share * colour.mean(axis=-1, keepdims=True))


def _vary(rng: np.random.Generator, colour: tuple[int, ...] | np.ndarray, spread: float) -> Colour:
    return np.clip(np.asarray(colour, float) * (1 + spread * rng.uniform(-1, 1, 3)), 0, 255)


def random_looks(rng: np.random.Generator) -> Looks:
    """Return the looks of a person."""
    tone = int(rng.integers(len(_SKINS)))
    dark = tone > 4  # darker skins mostly go with dark hair and eyes
    skin = _vary(rng, _SKINS[tone], 0.03)
    hair = _vary(rng, _HAIRS[rng.integers(_DARK_HAIRS if dark else len(_HAIRS))], 0.10)
    iris = _vary(rng, _IRISES[rng.integers(_DARK_IRISES if dark else len(_IRISES))], 0.10)
    hairstyle: Hairstyle = ("bald", "short", "short", "fringe", "long", "long")[rng.integers(6)]
    bearded = hairstyle != "long" and rng.random() < 0.45
    rouge = np.array([1.0, 0.68, 0.66]) if rng.random() < 0.6 else np.array([0.96, 0.54, 0.55])
    return Looks(
        skin=skin,
        hair=hair,
        iris=iris,
        lips=np.clip(skin * rouge * rng.uniform(0.86, 0.98), 0, 255),
        hairstyle=hairstyle,
        hairline=rng.uniform(-0.98, -0.72),
        volume=rng.uniform(0.05, 0.20) if hairstyle != "bald" else 0.015,
        beard=rng.uniform(0.25, 0.9) if bearded and rng.random() < 0.7 else 0.0,
        moustache=rng.uniform(0.3, 0.9) if bearded else 0.0,
        blush=rng.uniform(0.1, 1.0),
        brow_thickness=rng.uniform(0.055, 0.11),
        wears_glasses=bool(rng.random() < 0.25),
    )


def random_light(rng: np.random.Generator) -> Light:
    """Return a lamp anywhere before the face, warm or cold, hard or soft."""
    side, height = rng.uniform(-1.1, 1.1), rng.uniform(-0.9, 0.25)
    direction = np.array([side, height, 0.9])
    warmth = rng.uniform(-0.09, 0.09)
    colour = np.array([1 + warmth, 1.0, 1 - warmth])
    lamp = rng.uniform(0.35, 0.7)
    return Light(
        direction=direction / np.linalg.norm(direction),
        lamp=lamp * colour,
        room=(1.1 - lamp) * rng.uniform(0.75, 1.0) * _vary(rng, np.ones(3), 0.03),
    )


def random_scene(rng: np.random.Generator, looks: Looks) -> VideoScene:
    """Light, clothes and camera of a video of a person."""
    glasses_drawn, occluder_drawn, motion_drawn = rng.random(3)
    glasses: Literal["clear", "sun"] | None = None
    if glasses_drawn < 0.04:
        glasses = "sun"
    elif looks.wears_glasses and glasses_drawn < 0.8:
        glasses = "clear"
    occluder: Literal["microphone", "edge"] | None = None
    if occluder_drawn < 0.14:
        occluder = "microphone" if occluder_drawn < 0.07 else "edge"
    return VideoScene(
        light=random_light(rng),
        clothes=muted(rng.uniform(20, 235, 3), 0.5),
        glasses=glasses,
        glasses_colour=_vary(rng, (60, 48, 42), 0.8),
        occluder=occluder,
        blur=float(rng.choice([0.0, 0.4, 0.7, 1.1], p=[0.35, 0.3, 0.25, 0.1])),
        motion=rng.uniform(1.5, 4.0) if motion_drawn < 0.15 else 0.0,
        noise=rng.uniform(0.0, 6.0),
        gain=rng.uniform(0.8, 1.15),
        gamma=rng.uniform(0.85, 1.25),
        quality=int(rng.integers(35, 96)),
    )

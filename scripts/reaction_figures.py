"""Draw what the reactions measure: a drawn visitor through the whole pipeline, drawn and measured side by side."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from faceline.drawing.person import PosedFace
from faceline.geometry.face_model import express, rotation
from faceline.geometry.markup import OUTLINES
from faceline.geometry.measures import measure
from faceline.inference.runtime import LandmarkRuntime
from faceline.plot_style import GRID, MUTED, PALETTE, TEXT_SIZE, new_figure, style_axes
from faceline.stand.assembly import DRAWN
from faceline.stand.audience.perception import Face, Perception
from faceline.stand.audience.reactions import ReactionSettings
from faceline.stand.camera.capture import Frame
from faceline.stand.camera.demo_visitors import HEIGHT, WIDTH, DemoScene, DemoVisitors, Visit
from faceline.stand.camera.detector import OwnDetector
from faceline.stand.clock import Moment

RATE = 15.0
SECONDS = 15.0
MOMENTS = (2.0, 4.6, 7.6, 10.4, 12.6)
VISIT = Visit(person=10, comes=-3.0, stays=40.0, x=0.5, y=0.44, scale=46.0, side=1, smiles=5.0, raises=8.0,
              glances=10.8, phase=1.5)  # fmt: skip


class OneVisitor(DemoVisitors):
    """The same visitor all the time."""

    def at(self, time: float) -> list[Visit]:
        """The visitor."""
        return [VISIT]


def truth(scene: DemoScene, time: float) -> dict[str, float]:
    """The measures of the landmarks that were drawn."""
    shape, _, _ = scene.person(VISIT.person)
    face = PosedFace(
        express(shape, VISIT.expression(time)), rotation(*VISIT.pose(time)), VISIT.scale, VISIT.place(time)
    )
    return {name: float(values[0]) for name, values in measure(face.to_pixels(face.shape)[None, :, :2]).items()}


def close_up(image: np.ndarray, face: Face | None) -> np.ndarray:
    """The head, with the landmarks that were found."""
    picture = image.copy()
    for outline in OUTLINES if face else ():
        points = np.round(face.landmarks[list(outline)] * 16).astype(np.int32)  # type: ignore[union-attr]
        cv2.polylines(picture, [points], False, (60, 230, 120), 1, cv2.LINE_AA, 4)
    x, y = WIDTH // 2, round(0.5 * HEIGHT)
    return picture[y - 130 : y + 110, x - 105 : x + 105]


def main() -> None:
    """Write the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/reactions.png"))
    out = parser.parse_args().out
    scene, settings = DemoScene(OneVisitor(0)), ReactionSettings()
    perception = Perception(LandmarkRuntime(DRAWN), OwnDetector(), settings)
    times, found, true, pictures = [], [], [], []
    for number in range(round(SECONDS * RATE)):
        time = number / RATE
        image = scene.draw(time)
        sight = perception.look(Frame(image, Moment(datetime.now(UTC), time), number), "content")
        face = sight.faces[0] if sight.faces else None
        if any(abs(time - moment) < 0.5 / RATE for moment in MOMENTS):
            pictures.append((time, close_up(image, face)))
        times.append(time)
        found.append(face.reaction if face else None)
        true.append(truth(scene, time))
    figure = new_figure(10.0, 8.6, "A visitor looks, smiles, raises the brows and glances away: drawn and measured",
                        f"python scripts/reaction_figures.py · {RATE:g} frames a second · grey: as drawn · "
                        "dashed: where it counts")  # fmt: skip
    grid = figure.add_gridspec(5, len(MOMENTS), height_ratios=(2.1, 1, 1, 1, 1))
    for column, (time, picture) in enumerate(pictures):
        axes = figure.add_subplot(grid[0, column])
        axes.imshow(picture)
        axes.set_axis_off()
        axes.set_title(f"{time:.1f} s", size=TEXT_SIZE, color=MUTED)
    neutral = truth(scene, 0.5)
    rows = (
        ("head_angle", "head from screen, °", settings.attention_angle,
         [float(np.hypot(each["yaw"], each["pitch"])) for each in true]),
        ("smile", "smile, half face widths", settings.smile, [each["smile"] - neutral["smile"] for each in true]),
        ("brow_raise", "brows, half face widths", settings.brow_raise,
         [each["brow_raise"] - neutral["brow_raise"] for each in true]),
        ("eye_opening", "eyes, share of usual", settings.eyes_closed,
         [each["eye_opening"] / neutral["eye_opening"] for each in true]),
    )  # fmt: skip
    for row, (name, label, limit, drawn) in enumerate(rows):
        axes = figure.add_subplot(grid[row + 1, :])
        values = [np.nan if reaction is None else getattr(reaction, name) for reaction in found]
        axes.plot(times, drawn, color=GRID, linewidth=5, solid_capstyle="round")
        axes.plot(times, values, color=PALETTE[row], linewidth=1.8)
        axes.axhline(limit, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        interested = [reaction is not None and reaction.interested for reaction in found]
        if name == "smile" and any(interested):
            start = times[interested.index(True)]
            axes.axvline(start, color=PALETTE[2], linewidth=1.2)
            axes.annotate("interest", (start, axes.get_ylim()[1]), xytext=(5, -12), textcoords="offset points",
                          size=TEXT_SIZE, color=PALETTE[2])  # fmt: skip
        axes.set_xlim(0, SECONDS)
        style_axes(axes, xlabel="seconds" if row == len(rows) - 1 else "")
        axes.set_title(label, loc="left", size=TEXT_SIZE, color=MUTED, pad=3)
    figure.savefig(out)
    print(f"{out}: {out.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()

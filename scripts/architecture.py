"""Draw the parts of the package in their layers, as the import contract in pyproject.toml orders them."""

import argparse
import tomllib
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from faceline.plot_style import GRID, INK, MUTED, PALETTE, SMALL_SIZE, new_figure, png

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "faceline"

ABOUT = {
    "cli": "what the user typed becomes a verb and its settings",
    "api": "the same from Python: compose, train, evaluate, export",
    "sweeps": "many trainings at once, and the search over them",
    "commands": "one file a verb",
    "stand": "camera · audience · recognition · consent · content · events · report · web",
    "tasks": "what a training is for: landmarks, shapes, faces",
    "reports": "figures and pages; runs, store and registry in MLflow",
    "clustering": "groups of similar shapes",
    "models": "photos and films of the user's own; networks, losses, baselines",
    "data": "frames and splits; names for config; each number once; bundles",
    "augmentation": "changes pixels and moves the labels with them",
    "drawing": "synthetic faces with known landmarks",
    "geometry": "points, shapes, windows around faces",
    "config": "every key is checked before anything is built",
    "plot_style": "one look for all figures",
    "types": "what everything uses",
    "files": "files are written whole or not at all",
    "errors": "one line for a user's mistake",
}
"""What the parts of a layer do, by one of them."""

NO_TORCH = (
    *("cli", "cli_help", "verbs", "stand", "inference", "drawing", "geometry", "config", "plot_style", "photos"),
    *("terminal", "timing", "types", "threads", "outputs", "errors", "files"),
)


def lines_of(name: str) -> int:
    """Lines of Python in a module or package."""
    module = PACKAGE / f"{name}.py"
    files = [module] if module.is_file() else (PACKAGE / name).rglob("*.py")
    return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)


def draw(axes: Axes, layers: list[list[str]]) -> None:
    """One row a layer, the highest on top; imports run down only."""
    for i, layer in enumerate(layers):
        y, x, gap = len(layers) - 1 - i, 0.0, 0.008
        for name in layer:
            w = max(0.085, 0.022 * lines_of(name) ** 0.26)
            colour = PALETTE[2] if name in NO_TORCH else PALETTE[0]
            style = "round,pad=0,rounding_size=0.01"
            box = FancyBboxPatch(
                (x, y), w, 0.76, boxstyle=style, facecolor=f"{colour}1c", edgecolor=colour, linewidth=1
            )
            axes.add_patch(box)
            axes.text(x + w / 2, y + 0.37, name, ha="center", va="center", size=SMALL_SIZE, color=INK, weight="bold")
            x += w + gap
        about = next((ABOUT[name] for name in layer if name in ABOUT), "")
        axes.text(x + 0.012, y + 0.37, about, ha="left", va="center", size=SMALL_SIZE, color=MUTED)
        axes.axhline(y - 0.12, color=GRID, linewidth=0.6, zorder=0)
    axes.set(xlim=(-0.005, 1.005), ylim=(-0.2, len(layers)))
    axes.axis("off")


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "architecture.png")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    (layered,) = (each for each in contracts if each["type"] == "layers")
    layers = [[name.strip() for name in row.split("|")] for row in layered["layers"] if row != "__main__"]
    source = "python scripts/architecture.py · green parts run without torch, blue ones train"
    figure = new_figure(9.5, 0.42 * len(layers) + 1.1, "Imports run down only", source)
    draw(figure.add_subplot(), layers)
    parser.parse_args().out.write_bytes(png(figure))


if __name__ == "__main__":
    main()

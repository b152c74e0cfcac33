"""Draw the figures of docs/identification.md from the published results.

Run it in the root of the repository: python scripts/identification_figures.py
"""

from pathlib import Path

from faceline.reports.identification_plots import cost_of_a_visit
from faceline.reports.identification_table import IdentificationResult
from faceline.reports.results import read_results
from faceline.reports.style import png

RESULTS = Path("docs/results/identification.json")


def main() -> None:
    """Draw what a new visit costs on each data set."""
    rows = read_results(RESULTS, IdentificationResult)
    for data in sorted({row.data for row in rows}):
        f1 = {(row.method, row.protocol): row.f1_weighted for row in rows if row.data == data}
        methods = [method for method, protocol in f1 if protocol == "frame_random"]
        scores = {m: (f1[m, "frame_random"], f1[m, "video_disjoint"]) for m in methods if (m, "video_disjoint") in f1}
        figure = cost_of_a_visit(scores, source=f"{data} · test · docs/results/identification.json")
        (Path("docs") / f"identification_{data}.png").write_bytes(png(figure))


if __name__ == "__main__":
    main()

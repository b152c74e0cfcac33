"""``faceline data check``: read a whole data set and say what it holds."""

from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from faceline.data.cache import cached_frames
from faceline.data.summary import summarise
from faceline.plot_style import png
from faceline.reports.data_plots import data_distributions
from faceline.tasks.assembly import plain


def main(cfg: DictConfig) -> None:
    """Validate every frame, print the summary, draw the distributions."""
    config = plain(cfg)
    data = config["data"]
    store = cached_frames(instantiate(data["source"]), data["size"], Path(data["cache_dir"]))
    for line in summarise(store.index).lines():
        print(line)
    figure = Path(config["figure"])
    figure.parent.mkdir(parents=True, exist_ok=True)
    figure.write_bytes(png(data_distributions(store.index, source=f"{store.index.dataset} · all frames")))
    print(f"distributions drawn in {figure}")

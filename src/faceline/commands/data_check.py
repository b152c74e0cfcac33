"""``faceline data check``: reads a whole data set and says what it holds."""

from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from faceline.data.cache import cached_frames
from faceline.data.index import refuse_outside
from faceline.data.summary import summarise
from faceline.files import write_whole
from faceline.outputs import check_output
from faceline.plot_style import png
from faceline.reports.data_plots import data_distributions
from faceline.tasks.assembly import plain


def main(cfg: DictConfig) -> None:
    """Validate every frame, print the summary, draw the distributions."""
    config = plain(cfg)
    data, figure = config["data"], Path(config["figure"])
    check_output(figure, "figure", begins=[b"\x89PNG"])
    source = instantiate(data["source"])
    for line in source.describe() if hasattr(source, "describe") else []:
        print(line)
    store = cached_frames(source, data["size"], Path(data["cache_dir"]))
    for line in summarise(store.index).lines():
        print(line)
    refuse_outside(store.index)
    with write_whole(figure) as part:
        part.write_bytes(png(data_distributions(store.index, source=f"{store.index.dataset} · all frames")))
    print(f"distributions drawn in {figure}")

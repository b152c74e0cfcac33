"""``faceline simulate``: runs the real policy, store and report with visitors whose true preferences are known."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from rich.table import Table
from scipy import stats

from faceline.errors import InputError
from faceline.outputs import check_output_folder
from faceline.stand.content.catalogue import DEMO, Catalogue, read_catalogue
from faceline.stand.content.policy import Policy
from faceline.stand.events.store import EventStore
from faceline.stand.folders import make_folder
from faceline.stand.report.uplift import Uplift, compare, session_sums
from faceline.stand.settings import Simulate
from faceline.stand.simulation import Outcome, World, audiences, play
from faceline.terminal import show

_START: Final = datetime(2026, 3, 2, tzinfo=UTC)
_DRAWS: Final = 100
"""Draws of the posterior for a probability; its precision does not matter here."""


@dataclass(frozen=True)
class SimulatedRun:
    """One simulated campaign.

    Attributes:
        outcomes: Outcome of every audience, in order.
        days: Day of each audience, from 0.
        truth: True uplift in seconds of attention per visitor: the expected difference between the arms, for every
            audience and with what the policy knew when it came.
    """

    outcomes: list[Outcome]
    days: np.ndarray
    truth: float

    def uplift(self, level: float) -> Uplift:
        """Return the uplift as the report computes it, in one group."""
        sums = {}
        for arm in ("adaptive", "control"):
            chosen = [outcome for outcome in self.outcomes if outcome.arm == arm]
            visitors = np.array([[outcome.visitors for outcome in chosen]], dtype=np.float64)
            sums[arm] = session_sums(visitors, np.array([[outcome.attention for outcome in chosen]]))
        return compare(sums["adaptive"], sums["control"], level)

    def regret(self) -> np.ndarray:
        """Return the mean regret of a choice on each day, in shares of attention."""
        values = [(day, lost) for day, outcome in zip(self.days, self.outcomes, strict=True) for lost in outcome.regret]
        of_day, lost = np.array(values).T
        days = of_day.astype(int)
        return np.asarray(np.bincount(days, weights=lost) / np.maximum(np.bincount(days), 1))


def main(settings: Simulate) -> None:
    """Simulate one campaign and report it, or many and count how often the interval holds the truth."""
    catalogue = read_catalogue(DEMO if settings.catalogue is None else Path(settings.catalogue))
    if settings.repeats > 1:
        _many(catalogue, settings)
    else:
        _one(catalogue, settings)


def simulate(
    catalogue: Catalogue, settings: Simulate, seed: int, keep: Callable[[Outcome], None] | None = None
) -> SimulatedRun:
    """Simulate a campaign at one stand.

    Args:
        catalogue: Contents that can be shown.
        settings: Settings of the verb.
        seed: Seed of preferences, visitors and draws.
        keep: Receives each outcome with its events; None makes no events.
    """
    rng, shadow_rng = (np.random.default_rng([seed, stream]) for stream in range(2))
    world = World(catalogue, seed)
    share = settings.control_share
    policy, adaptive, control = (
        Policy(catalogue, stand="simulated", control_share=s, seed=seed + i, draws=_DRAWS if i == 0 else 0)
        for i, s in enumerate((share, 0.0, 1.0))
    )
    adaptive.bandit.posteriors = policy.bandit.posteriors  # the shadows know what the policy knows
    outcomes, days, gain, visitors = [], [], 0.0, 0
    for audience in audiences(settings.days, settings.audiences_per_day, _START, rng):
        both = [play(shadow, audience, world, shadow_rng, learn=False) for shadow in (adaptive, control)]
        gain += both[0].expected - both[1].expected
        visitors += len(audience.visits)
        outcome = play(policy, audience, world, rng, learn=True, write=keep is not None)
        if keep is not None:
            keep(outcome)
            outcome.events = []
        outcomes.append(outcome)
        days.append((audience.came.utc - _START).days)
    return SimulatedRun(outcomes, np.array(days), gain / visitors)


def _one(catalogue: Catalogue, settings: Simulate) -> None:
    from faceline.commands.report import write_report  # noqa: PLC0415  # DuckDB and matplotlib
    from faceline.stand.report.effectiveness import Scope  # noqa: PLC0415

    folder = Path(settings.output)
    check_output_folder(folder, "output", own=("report.html", "total.csv", "day.csv"))
    make_folder(folder, "output")
    database = folder / "simulated.db"  # a name of its own: events.db may be of a real stand
    for path in (database, *folder.glob("simulated.db-*")):
        path.unlink(missing_ok=True)
    with EventStore(f"sqlite:///{database}", interval=0.05) as store:

        def keep(outcome: Outcome) -> None:
            while store.health.pending > store.capacity // 2:  # a stand would not write so fast
                store.flush(1.0)
            store.append(*outcome.events)

        run = simulate(catalogue, settings, settings.seed, keep)
        if not store.flush(60.0) or store.health.lost:
            raise InputError(
                f"the events were not written: {store.health.paused or store.health.lost}", column="output"
            )
    title = f"Simulation of {settings.days} days"
    told = write_report([f"sqlite:///{database}"], folder, title, catalogue, Scope(level=settings.level))
    row = told.uplift[(told.uplift["group"] == "all") & (told.uplift["outcome"] == "attention")].iloc[0]
    _print_regret(run)
    inside = "holds" if row["low"] <= run.truth <= row["high"] else "does not hold"
    print(
        f"uplift in seconds of attention a visitor: reported {row['difference']:+.2f} "
        f"[{row['low']:+.2f}, {row['high']:+.2f}], truly {run.truth:+.2f}: the interval {inside} it"
    )
    print(f"report: {folder / 'report.html'}")


def _many(catalogue: Catalogue, settings: Simulate) -> None:
    hits, truths, found = 0, [], []
    for repeat in range(settings.repeats):
        run = simulate(catalogue, settings, settings.seed + repeat)
        uplift = run.uplift(settings.level)
        hits += bool(uplift.low[0] <= run.truth <= uplift.high[0])
        truths.append(run.truth)
        found.append(uplift.difference[0])
    interval = stats.binomtest(hits, settings.repeats).proportion_ci(0.95, "wilson")
    print(
        f"{settings.repeats} campaigns of {settings.days} days: intervals of {settings.level:.0%} held the truth in "
        f"{hits / settings.repeats:.1%} [{interval.low:.1%}, {interval.high:.1%}]; "
        f"mean uplift {np.mean(found):+.3f} s reported, {np.mean(truths):+.3f} s true"
    )


def _print_regret(run: SimulatedRun) -> None:
    table = Table(title="Attention that the best content would have held beyond the chosen one", title_justify="left")
    table.add_column("day", justify="right")
    table.add_column("regret of a choice", justify="right")
    table.add_column("")
    values = run.regret()
    for day, value in enumerate(values, start=1):
        table.add_row(str(day), f"{value:.3f}", "▇" * round(40 * value / values.max()))
    show(table)

"""The result of a comparison as plain data for the page, Markdown, JSON and the terminal, with its wording."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from faceline.metrics.bootstrap import Interval
from faceline.metrics.paired import Paired
from faceline.plot_style import percent
from faceline.reports.results import line

SURE: Final = 0.95
LIKELY: Final = 0.80
TITLES: Final = {"nme": "NME", "f1_weighted": "F1"}
COSTS: Final = {
    "parameters": "parameters",
    "train_seconds": "seconds of training",
    "ms_per_frame": "milliseconds a frame",
}
"""Costs of a model, by the names of its run's metrics."""


@dataclass(frozen=True)
class Entry:
    """A run on a leaderboard.

    Attributes:
        run_id: Id of the run.
        label: Name of the run on this board.
        figure: Value of the metric that ranks it.
        interval: Its 95 % interval; None if its frames were not resampled.
        behind: Comparison with the first run of the board.
        beats_next: Probability that it is better than the next run.
        scalars: All test metrics.
        costs: Known costs by the names of ``COSTS``.
        facts: Command, commit and similar facts.
    """

    run_id: str
    label: str
    figure: float
    interval: Interval | None
    behind: Paired | None
    beats_next: float | None
    scalars: Mapping[str, float]
    costs: Mapping[str, float]
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Leaderboard:
    """Runs that may be ranked together, the best first.

    Attributes:
        task: Name of the task.
        data: Name of the data set.
        protocol: What is new in the test set.
        fingerprint: Fingerprint of the data.
        metric: Metric that ranks the runs.
        lowest: Whether the lowest value is the best.
        entries: Entries of the runs.
        probabilities: Probability that the row's run beats the column's, for the first few.
        differs: Values of each config key in which the first few differ; None if a run has no such key.
        apart: Why these runs are not ranked with those of the task's first board.
    """

    task: str
    data: str
    protocol: str
    fingerprint: str
    metric: str
    lowest: bool
    entries: Sequence[Entry]
    probabilities: Sequence[Sequence[float | None]]
    differs: Mapping[str, Sequence[str | None]]
    apart: str | None = None

    @property
    def title(self) -> str:
        """Task, data and protocol."""
        return f"{self.task} · {self.data} · {self.protocol}"

    def cost_names(self) -> set[str]:
        """Costs that any of the runs has logged."""
        return {name for entry in self.entries for name in entry.costs}

    def shown(self, value: float) -> str:
        """Format a value of the metric: NME in per cent, F1 as a number."""
        return f"{100 * value:.2f} %" if self.lowest else f"{value:.3f}"

    def shown_interval(self, entry: Entry) -> str:
        """Format both ends of the interval, or a dash."""
        return "–" if entry.interval is None else self.span(*entry.interval)

    def span(self, low: float, high: float) -> str:
        """Format a span of two values."""
        return f"{100 * low:.2f} to {100 * high:.2f} %" if self.lowest else f"{low:.3f} to {high:.3f}"


@dataclass(frozen=True)
class Apart:
    """A run that is ranked with no other.

    Attributes:
        run_id: Id of the run.
        label: Name of its model.
        where: Task, data and protocol.
        figure: Its result in words.
        reason: Why it stands alone.
    """

    run_id: str
    label: str
    where: str
    figure: str
    reason: str


@dataclass(frozen=True)
class Review:
    """A close comparison of two runs.

    Attributes:
        labels: Labels of the two, in the requested order.
        run_ids: Ids of the two.
        verdict: Verdict in one sentence.
        differs: Values of each config key in which they differ.
        scalars: Both values of every test metric.
    """

    labels: tuple[str, str]
    run_ids: tuple[str, str]
    verdict: str
    differs: Mapping[str, Sequence[str | None]]
    scalars: Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class Comparison:
    """The whole result of a comparison.

    Attributes:
        boards: Boards, the largest of each task first.
        apart: Runs that are ranked with no other.
        left_out: Number of runs without a result, by the reason.
        review: Review of two runs; None for other numbers.
    """

    boards: Sequence[Leaderboard]
    apart: Sequence[Apart] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    review: Review | None = None

    def verdict(self) -> str:
        """Return the most important finding in one sentence."""
        if self.review is not None:
            return self.review.verdict
        if len(self.boards) == 1:
            return board_verdict(self.boards[0])
        runs = sum(len(board.entries) for board in self.boards) + len(self.apart)
        return f"{runs} runs on {len(self.boards)} leaderboards, which must not be ranked together"


_NO_BASIS = "luck cannot be ruled out: that takes test frames of several videos at hand"


def board_verdict(board: Leaderboard) -> str:
    """Say which run leads, with what value, and whether that is luck."""
    first = board.entries[0]
    reached = f"{TITLES[board.metric]} {board.shown(first.figure)}"
    if len(board.entries) == 1:
        return f"{first.label} reaches {reached}; there is nothing to rank it with"
    if first.beats_next is None:
        return f"{first.label} leads with {reached}; {_NO_BASIS}"
    return f"{first.label} leads with {reached}; it {beats(first.beats_next, board.entries[1].label)}"


def beats(probability: float, other: str) -> str:
    """Say what a probability means for a decision."""
    if probability >= SURE:
        return f"is better than {other} (probability {percent(probability)})"
    if probability >= LIKELY:
        return f"is probably better than {other} ({percent(probability)}), but luck is not ruled out"
    return f"cannot be told apart from {other} ({percent(probability)})"


def review_verdict(board: Leaderboard, a: Entry, b: Entry) -> str:
    """Say which of two runs is better, by how much, and whether that is luck."""
    winner, loser = board.entries[0], board.entries[1]
    if loser.behind is None or winner.beats_next is None:
        return f"{winner.label} has the better {TITLES[board.metric]}; {_NO_BASIS}"
    by = abs(loser.behind.difference)
    low, high = sorted((loser.behind.low, loser.behind.high))
    gap = f"{100 * by:.2f} points of NME lower" if board.lowest else f"{by:.3f} of F1 higher"
    ends = f"{100 * low:.2f} to {100 * high:.2f}" if board.lowest else f"{-high:.3f} to {-low:.3f}"
    ends = ends.replace("-", "−")
    if winner.beats_next < LIKELY:
        return (
            f"{a.label} and {b.label} cannot be told apart: {winner.label} is {gap} (95 %: {ends}), which may be luck"
        )
    word = "better" if winner.beats_next >= SURE else "probably better"
    return (
        f"{winner.label} is {word} than {loser.label}: {gap} (95 %: {ends}), "
        f"with a probability of {percent(winner.beats_next)}"
    )


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return everything in plain containers, with verdicts."""
    content = asdict(comparison)
    for board, found in zip(content["boards"], comparison.boards, strict=True):
        board["verdict"] = board_verdict(found)
        for entry in board["entries"]:
            entry["behind"] = None if entry["behind"] is None else entry["behind"]._asdict()
    return {"verdict": comparison.verdict(), **content}


def markdown(comparison: Comparison) -> str:
    """Return verdict and tables as Markdown for an issue or a pull request."""
    text = [f"**{_escaped(comparison.verdict())}.**", ""]
    if comparison.review is not None:
        text += _differences("Config", comparison.review.labels, comparison.review.differs)
    for board in comparison.boards:
        text += [f"### {_escaped(board.title)}", ""]
        text += [] if board.apart is None else [f"Ranked apart: {_escaped(board.apart)}.", ""]
        text += _leaderboard(board)
    if comparison.apart:
        head = ["run", "model", "where", "figure", "not ranked because"]
        rows = [[f"`{one.run_id[:8]}`", one.label, one.where, one.figure, one.reason] for one in comparison.apart]
        text += ["### Apart", "", *_table(head, ["---", "---", "---", "---", "---"], rows)]
    left_out = "; ".join(f"{count} {reason}" for reason, count in comparison.left_out.items())
    return "\n".join([*text, *([f"Left out: {_escaped(left_out)}.", ""] if left_out else [])])


def _leaderboard(board: Leaderboard) -> list[str]:
    head = ["", "model", TITLES[board.metric], "95 %", "beats the next", *COSTS.values(), "run"]
    rule = ["---:", "---", "---:", "---:", "---:", *("---:" for _ in COSTS), "---"]
    rows = [
        [
            str(place),
            entry.label,
            board.shown(entry.figure),
            board.shown_interval(entry),
            "–" if entry.beats_next is None else percent(entry.beats_next),
            *(cost(name, entry.costs.get(name)) for name in COSTS),
            f"`{entry.run_id[:8]}`",
        ]
        for place, entry in enumerate(board.entries, start=1)
    ]
    return _table(head, rule, rows)


def cost(name: str, value: float | None) -> str:
    """Format a cost for readers."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 10 or name == "parameters" else f"{value:.2g}"


def _differences(title: str, labels: Sequence[str], differs: Mapping[str, Sequence[str | None]]) -> list[str]:
    rows = [[key, *("–" if value is None else value for value in values)] for key, values in differs.items()]
    return _table([title, *labels], ["---"] * (1 + len(labels)), rows) if rows else ["The configs are equal.", ""]


def _table(head: Sequence[str], rule: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [line(head), line(rule), *(line([_escaped(cell) for cell in row]) for row in rows), ""]


def _escaped(text: str) -> str:
    """Escape a run's text: no markup and no line breaks."""
    one_line = " ".join(text.split())
    return one_line.replace("&", "&amp;").replace("<", "&lt;").replace("[", "\\[").replace("*", "\\*")

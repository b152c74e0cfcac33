"""What the keys of the verbs of a campaign may hold."""

from typing import Annotated, Literal

from pydantic import Field

from faceline.config.plain import Settings
from faceline.config.schema import Count, Seed, Share

Text = Annotated[str, Field(min_length=1)]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]


class Report(Settings):
    """``faceline report``."""

    stores: Annotated[list[Text], Field(min_length=1)]
    output: Text
    title: Text
    campaign: str | None
    since: Day | None
    until: Day | None
    zone: Text
    smallest_group: Annotated[int, Field(ge=2)]
    level: Share
    threads: Count | None


class Ship(Settings):
    """``faceline ship``."""

    store: Text
    to: Text


class Simulate(Settings):
    """``faceline simulate``."""

    days: Count
    audiences_per_day: Count
    control_share: Share
    catalogue: str | None
    output: Text
    repeats: Count
    level: Share
    seed: Seed


class Consent(Settings):
    """``faceline consent``."""

    action: Literal["list", "withdraw", "expire", "export", "rotate-key", "audit"]
    database: Text
    key_file: str | None
    person: str | None
    output: str | None
    operator: Text


class BenchmarkReport(Settings):
    """``faceline benchmark report``."""

    events: Count
    stands: Count
    folder: str | None
    output: Text
    threads: Count | None
    memory_gb: Annotated[float, Field(gt=0)]
    seed: Seed


SETTINGS: dict[str, type[Settings]] = {
    "report": Report,
    "ship": Ship,
    "simulate": Simulate,
    "consent": Consent,
    "benchmark_report": BenchmarkReport,
}
"""The schema of each verb."""

"""Where events are kept: SQLite or PostgreSQL, written in batches by a thread of its own."""

from dataclasses import dataclass, field

from faceline.campaign.events import Event


@dataclass(frozen=True)
class StoreHealth:
    """How the writing goes.

    Attributes:
        paused: Why nothing is written at the moment; None where all is well.
        pending: Events in memory that are not written yet.
        lost: Events that did not fit into memory while the writing was paused, by kind, since the start.
        written: Events written since the start.
    """

    paused: str | None = None
    pending: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    written: int = 0


class EventStore:
    """Takes events without ever making the caller wait, and writes them within a second.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql://…``; created and migrated where needed.
        interval: Seconds between two writes.
        capacity: Most events in memory; more are dropped and counted.

    Raises:
        InputError: The address is not one of a store, or the store cannot be opened now, at the start.
    """

    def __init__(self, url: str, *, interval: float = 0.5, capacity: int = 50_000) -> None:
        raise NotImplementedError

    def append(self, *events: Event) -> None:
        """Take events; returns at once, whatever the database does."""
        raise NotImplementedError

    @property
    def health(self) -> StoreHealth:
        """How the writing goes, for the operator's page."""
        raise NotImplementedError

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until all that was appended is written; False where that did not happen in time."""
        raise NotImplementedError

    def close(self) -> None:
        """Write what is left, if the database takes it within a few seconds, and end the thread."""
        raise NotImplementedError

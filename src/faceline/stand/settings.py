"""Allowed values for the settings of the commands around a stand."""

from typing import Annotated, Any, Final, Literal, get_args

from pydantic import Field, field_validator

from faceline.config.plain import Settings
from faceline.config.sections import PREPARATION, Count, Seed, Share, refuse_preparation
from faceline.inference.bundle import SFACE

NOBODY: Final = "none"
"""Value of ``embedder`` that turns recognition off."""

BUNDLE: Final = ".faceline"
"""End of the names of bundles."""

RATES: Final = ("false_greetings", "strangers")
"""Settings that say how alike a person must be, by how often somebody may be greeted by mistake."""

FALSE_GREETINGS: Final = 1
"""Strangers a day who may be greeted by default."""

PASSERS_BY: Final = 500
"""Strangers who come by in a day by default."""

Text = Annotated[str, Field(min_length=1)]
Site = Annotated[str, Field(pattern=r"^https?://[\w.-]+(:\d+)?/?$")]
Language = Literal["en", "de", "fr", "es", "ar"]
Address = Annotated[str, Field(pattern=r"^[^@\s,<>]+@[^@\s,<>]+$")]
Recipient = Annotated[str, Field(pattern=rf"^[^@\s,<>:]+@[^@\s,<>:]+(:({'|'.join(get_args(Language))}))?$")]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]


class Reported(Settings):
    """Settings for what figures may tell, and what they take as known."""

    smallest_group: Annotated[int, Field(ge=2)]
    greeting_rate: Annotated[float, Field(gt=0, le=1)] | None
    stranger_rate: Annotated[float, Field(ge=0, lt=1)]

    @field_validator("stranger_rate")
    @classmethod
    def _is_rarer_than_a_greeting(cls, strangers: float, others: Any) -> float:
        greeted = others.data.get("greeting_rate")
        if greeted is not None and strangers >= greeted:
            raise ValueError(f"below greeting_rate={greeted:g}")
        return strangers


class Report(Reported):
    """``faceline report``."""

    stores: Annotated[list[Text], Field(min_length=1)]
    catalogue: str | None
    output: Text
    title: Text
    language: Language
    campaign: str | None
    since: Day | None
    until: Day | None
    last_days: Count | None
    zone: Text
    level: Share
    threads: Count | None
    mail: Annotated[list[Recipient], Field(min_length=1)] | None
    mail_from: Address | None
    mail_server: Text | None


class PlaysSettings(Settings):
    """``faceline plays``."""

    stores: Annotated[list[Text], Field(min_length=1)]
    catalogue: str | None
    output: Text
    title: Text
    language: Language
    campaign: str | None
    since: Day | None
    until: Day | None
    zone: Text
    smallest_group: Annotated[int, Field(ge=2)]


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


class ConsentSettings(Settings):
    """``faceline consent``."""

    action: Literal["list", "withdraw", "expire", "export", "rotate-key", "audit"]
    database: Text
    key_file: str | None
    person: str | None
    output: str | None
    operator: Text


class Accounts(Settings):
    """``faceline accounts``."""

    action: Literal["list", "add", "campaigns", "password", "remove", "token"]
    folder: Text
    name: str | None
    role: Literal["operator", "editor", "advertiser"] | None
    campaigns: Annotated[list[Text], Field(min_length=1)] | None


class TokensSettings(Settings):
    """``faceline tokens``."""

    action: Literal["list", "add", "revoke", "audit"]
    folder: Text
    name: str | None
    scopes: Annotated[list[Literal["health", "audience", "names", "figures", "redeem"]], Field(min_length=1)] | None
    campaigns: Annotated[list[Text], Field(min_length=1)] | None
    operator: Text


class WebhooksSettings(Settings):
    """``faceline webhooks``."""

    action: Literal["list", "add", "remove", "audit"]
    folder: Text
    name: str | None
    url: str | None
    kinds: Annotated[
        list[Literal["audience_changed", "content_shown", "interest_seen", "customer_present"]], Field(min_length=1)
    ]
    names: bool
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


class Watching(Settings):
    """Settings for what a stand sees and how it decides."""

    source: Text
    name: Annotated[str, Field(pattern=r"^[\w. -]{1,60}$")]
    catalogue: str | None
    bundle: str | None
    detector: Text
    control_share: Annotated[float, Field(ge=0, le=1)]
    zone: Text
    attention_angle: Annotated[float, Field(gt=0, le=60)]
    screen_yaw: Annotated[float, Field(ge=-60, le=60)]
    screen_pitch: Annotated[float, Field(ge=-60, le=60)]
    detect_every: Annotated[int, Field(ge=1, le=30)]
    clusters: str | None
    threads: Count


class Recognising(Watching):
    """Settings for recognition, and how certain it must be."""

    embedder: str | None
    embedder_preset: Literal["arcface", "sface", "dlib"] | None
    embedder_size: Annotated[int, Field(ge=16, le=1024)] | None
    embedder_channels: Literal["rgb", "bgr"] | None
    embedder_layout: Literal["nchw", "nhwc"] | None
    embedder_mean: float | list[float] | None
    embedder_std: float | list[float] | None
    embedder_template: str | list[list[float]] | None
    false_greetings: Annotated[float, Field(ge=0.001)] | None
    strangers: Annotated[float, Field(ge=1, le=1e6)] | None
    threshold: Annotated[float, Field(gt=0, le=1)] | None

    @property
    def greeted_strangers(self) -> float:
        """Return the share of strangers who may be greeted."""
        return (self.false_greetings or FALSE_GREETINGS) / (self.strangers or PASSERS_BY)

    @field_validator(*(f"embedder_{key}" for key in PREPARATION))
    @classmethod
    def _is_of_an_onnx_file(cls, given: Any, others: Any) -> Any:
        file = others.data.get("embedder")
        if file in (None, NOBODY, SFACE) or file.endswith(BUNDLE):
            refuse_preparation(given, "embedder")
        return given

    @field_validator(*RATES, "threshold")
    @classmethod
    def _recognises_somebody(cls, given: float | None, others: Any) -> float | None:
        if given is not None and others.data.get("embedder") == NOBODY:
            raise ValueError(f"no value with embedder={NOBODY}, which recognises nobody")
        return given

    @field_validator("strangers")
    @classmethod
    def _is_no_fewer_than_are_greeted(cls, strangers: float | None, others: Any) -> float | None:
        greeted = others.data.get("false_greetings") or FALSE_GREETINGS
        if (strangers or PASSERS_BY) < greeted:
            default = f" (by default {PASSERS_BY})" if strangers is None else ""
            raise ValueError(f"at least as many as false_greetings={greeted:g}{default}")
        return strangers

    @field_validator("threshold")
    @classmethod
    def _is_alone(cls, threshold: float | None, others: Any) -> float | None:
        for key in RATES:
            rate = others.data.get(key)
            if threshold is not None and rate is not None:
                raise ValueError(f"no value beside {key}={rate:g} (either says how alike a person must be; give one)")
        return threshold


class Served(Settings):
    """Settings for how pages are reached, and for how long they are served."""

    host: Text
    allowed_hosts: list[Text]
    port: Annotated[int, Field(ge=1, le=65535)]
    certificate: str | None
    certificate_key: str | None
    seconds: Annotated[float, Field(gt=0)] | None


class Stand(Recognising, Served, Reported):
    """``faceline stand``."""

    folder: Text
    store: str | None
    keep_days: Annotated[int, Field(ge=1, le=36_500)]
    people: str | None
    refuse_photos: bool
    consent_text: str | None
    live_picture: bool
    sound: bool
    offer_codes: bool
    offer_reward: Annotated[float, Field(ge=0, le=1)]
    language: Language
    allowed_pages: list[Site]
    fleet: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+/?$")] | None
    fleet_token: str | None
    fleet_ca: str | None

    @field_validator("fleet_token", "fleet_ca")
    @classmethod
    def _is_of_a_fleet(cls, given: str | None, others: Any) -> str | None:
        if given is not None and others.data.get("fleet", "") is None:
            raise ValueError("no value without fleet=, the address that it is for")
        return given


class BenchmarkRecognition(Recognising):
    """``faceline benchmark recognition``."""

    source: Literal["clips"]
    data_root: str | None
    people: Count | None
    enrolled: Annotated[list[Count], Field(min_length=1)]
    draws: Count
    most_strangers: Count
    worse: Annotated[int, Field(ge=0)]
    photos: Annotated[int, Field(ge=0)]
    output: Text


class BenchmarkCounting(Watching):
    """``faceline benchmark counting``."""

    source: Literal["films"]
    data_root: str | None
    people: Annotated[int, Field(ge=4)]
    repeats: Count
    rates: Annotated[list[Annotated[float, Field(gt=0, le=240)]], Field(min_length=1)]
    develop: bool
    seed: Seed
    output: Text


class BenchmarkStand(Watching):
    """``faceline benchmark stand``."""

    source: Literal["demo"]
    faces: Annotated[int, Field(ge=1, le=50)]
    enrolled: Annotated[int, Field(ge=0, le=100_000)]
    rate: Annotated[float, Field(gt=0, le=240)]
    seconds: Annotated[float, Field(gt=0)]
    soak_seconds: Annotated[float, Field(ge=0)]
    soak_rate: Annotated[float, Field(gt=0, le=60)]
    output: Text


class FleetSettings(Served, Reported):
    """``faceline fleet``."""

    folder: Text
    name: Annotated[str, Field(pattern=r"^[\w. -]{1,60}$")]
    store: str | None
    keep_days: Annotated[int, Field(ge=1, le=36_500)]
    zone: Text
    allowed_pages: list[Site]
    every: Annotated[float, Field(ge=1, le=3600)]
    silent_after: Annotated[float, Field(gt=0)]
    least_frames: Annotated[float, Field(ge=0)] | None
    most_delay_ms: Annotated[float, Field(gt=0)] | None
    most_clock_error: Annotated[float, Field(gt=0)]
    least_disk: Share
    raise_after: Annotated[float, Field(ge=0)]
    clear_after: Annotated[float, Field(ge=0)]
    stage_minutes: Annotated[float, Field(ge=0)]
    webhook: Annotated[str, Field(pattern=r"^https?://\S+$")] | None
    mail: list[Text]
    language: Language
    mail_from: str | None
    mail_server: str | None


class FleetPublish(Settings):
    """``faceline fleet publish``."""

    folder: Text
    store: str | None
    catalogue: str | None
    consent_text: str | None
    bundle: str | None
    group: Text
    first: Count | Annotated[str, Field(pattern=r"^(\d+%?|all)$")]
    note: Annotated[str, Field(max_length=200)]
    allowed_pages: list[Site]
    software: str | None
    version: str | None
    operator: Text


class BenchmarkFleet(Settings):
    """``faceline benchmark fleet``."""

    stands: Count
    every: Annotated[float, Field(ge=1, le=3600)]
    events_a_day: Count
    seconds: Annotated[float, Field(gt=0)]
    burst_seconds: Annotated[float, Field(gt=0)]
    lines: Annotated[int, Field(ge=1, le=200)]
    store: str | None
    output: Text


SETTINGS: dict[str, type[Settings]] = {
    "stand": Stand,
    "benchmark_stand": BenchmarkStand,
    "benchmark_recognition": BenchmarkRecognition,
    "benchmark_counting": BenchmarkCounting,
    "fleet": FleetSettings,
    "fleet_publish": FleetPublish,
    "report": Report,
    "plays": PlaysSettings,
    "ship": Ship,
    "simulate": Simulate,
    "consent": ConsentSettings,
    "accounts": Accounts,
    "tokens": TokensSettings,
    "webhooks": WebhooksSettings,
    "benchmark_report": BenchmarkReport,
    "benchmark_fleet": BenchmarkFleet,
}
"""The schema of each command."""

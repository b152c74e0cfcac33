"""The search space of a sweep, in Hydra's grammar of sweeps, as combinations or as Optuna's distributions."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from faceline.config.tree import hint
from faceline.errors import InputError

Number = float | int

Params = dict[str, Any]
"""The value of each swept key."""


@dataclass(frozen=True)
class Space:
    """What the jobs of a sweep share, and in what they differ.

    Attributes:
        fixed: Overrides of every job.
        swept: Overrides with more than one value, by key.
        distributions: Distributions of the swept keys for Optuna.
    """

    fixed: tuple[str, ...]
    swept: dict[str, Override]
    distributions: dict[str, BaseDistribution]

    def overrides(self, params: Mapping[str, Any]) -> list[str]:
        """Return the overrides that run one combination."""
        return [*self.fixed, *(f"{key}={_text(value)}" for key, value in params.items())]

    def combinations(self) -> list[Params]:
        """Return all combinations of a grid.

        Raises:
            InputError: A key has infinitely many values.
        """
        for key, distribution in self.distributions.items():
            if isinstance(self.swept[key].value(), IntervalSweep):
                raise InputError(
                    f"a grid cannot try the interval {distribution.low} to {distribution.high}; list values, or search "  # type: ignore[attr-defined]
                    f"with sweep=optuna",
                    column=key,
                )
        values = [_values(distribution) for distribution in self.distributions.values()]
        return [dict(zip(self.distributions, combination, strict=True)) for combination in itertools.product(*values)]

    def corners(self) -> Iterator[Params]:
        """Yield the first combination, then others until each choice and each end of a range has occurred."""
        ends = {key: _ends(distribution) for key, distribution in self.distributions.items()}
        first = {key: values[0] for key, values in ends.items()}
        yield first
        for key, values in ends.items():
            for value in values[1:]:
                yield {**first, key: value}

    def typed(self, params: Mapping[str, Any]) -> Params:
        """Convert a combination of a config to Optuna's values.

        Raises:
            InputError: A key is not swept, or a value is outside of the space.
        """
        typed: Params = {}
        for key, value in params.items():
            if key not in self.distributions:
                raise InputError(f"{key} is not searched{hint(key, self.distributions)}", column="sweep.start")
            distribution = self.distributions[key]
            typed[key] = str(value) if isinstance(distribution, CategoricalDistribution) else value
            if not _contains(distribution, typed[key]):
                raise InputError(f"{key}={value} is outside of {self.told()[key]}", column="sweep.start")
        return typed

    def told(self) -> dict[str, str]:
        """Return each key with its possible values in words."""
        return {key: str(override.input_line).partition("=")[2] for key, override in self.swept.items()}


def read_space(params: Mapping[str, Any], arguments: Sequence[str], own: Sequence[str], config_loader: Any) -> Space:
    """Read the search space of a config and of the command line, which wins.

    Args:
        params: Params of the config by key: Hydra's ``choice``, ``range`` or ``interval``, or a fixed value.
        arguments: Overrides of the command line.
        own: Groups and keys about the sweep itself.
        config_loader: Hydra's loader, which tells groups from keys.

    Raises:
        InputError: A range is reversed or empty, a choice is empty, or a sweep has another kind.
        OverrideParseException: An override does not follow Hydra's grammar.
    """
    parser = OverridesParser.create(config_loader=config_loader)
    parsed = parser.parse_overrides([f"{key}={value}" for key, value in params.items()] + list(arguments))
    by_key = {_key(override): override for override in parsed}
    for key, override in by_key.items():
        if override.is_sweep_override() and key.split(".")[0] in own:
            raise InputError("is about the sweep itself, so it cannot be swept; give it one value", column=key)
    swept = {_typed(override): override for override in by_key.values() if override.is_sweep_override()}
    return Space(
        fixed=tuple(str(o.input_line) for o in by_key.values() if not o.is_sweep_override()),
        swept=swept,
        distributions={key: _distribution(key, override) for key, override in swept.items()},
    )


def _key(override: Override) -> str:
    """Return the key without the ``+`` of an added one."""
    return override.get_key_element().lstrip("+~")


def _typed(override: Override) -> str:
    return override.get_key_element()


def _distribution(key: str, override: Override) -> BaseDistribution:
    sweep = override.value()
    match sweep:
        case ChoiceSweep():
            choices = list(dict.fromkeys(override.sweep_string_iterator()))
            if not choices:
                raise InputError("nothing to choose from", column=key)
            return CategoricalDistribution(choices)
        case RangeSweep():
            return _numbers(key, _included(key, sweep), "log" in sweep.tags, abs(sweep.step))
        case IntervalSweep():
            assert sweep.start is not None and sweep.end is not None
            return _numbers(key, (sweep.start, sweep.end), "log" in sweep.tags, None)
    raise InputError(
        "expected choice(a,b), range(1,5), interval(1e-4,1e-2) or tag(log,interval(1e-4,1e-2)); write the values of a "
        "glob one by one",
        column=key,
    )


def _included(key: str, sweep: RangeSweep) -> tuple[Number, Number]:
    """Return the first and the last number of a range, which excludes its end."""
    assert sweep.start is not None and sweep.stop is not None
    numbers = sorted(round(float(number), 12) for number in sweep.range())  # 0.1 + 2 * 0.1 is 0.3 here
    if not numbers and sweep.stop < sweep.start:
        raise _upside_down(key, "range", sweep.start, sweep.stop)
    if not numbers:
        raise InputError(f"range({sweep.start},{sweep.stop}) is empty: its end is not part of it", column=key)
    whole = all(isinstance(number, int) for number in (sweep.start, sweep.step))
    return (int(numbers[0]), int(numbers[-1])) if whole else (numbers[0], numbers[-1])


def _numbers(key: str, ends: tuple[Number, Number], log: bool, step: Number | None) -> BaseDistribution:
    low, high = ends
    if high < low:
        raise _upside_down(key, "interval", low, high)
    if log and low <= 0:
        raise InputError(f"a logarithmic interval begins above 0, got {low}", column=key)
    if all(isinstance(end, int) for end in ends):
        return IntDistribution(int(low), int(high), log=log, step=1 if log or step is None else int(step))
    return FloatDistribution(float(low), float(high), log=log, step=None if log else step)


def _upside_down(key: str, kind: str, low: Number, high: Number) -> InputError:
    return InputError(f"{kind}({low},{high}) is reversed; write {kind}({high},{low})", column=key)


def _values(distribution: BaseDistribution) -> list[Any]:
    match distribution:
        case CategoricalDistribution():
            return list(distribution.choices)
        case IntDistribution():
            return list(range(distribution.low, distribution.high + 1, distribution.step))
        case FloatDistribution(step=step) if step is not None:
            count = round((distribution.high - distribution.low) / step) + 1
            return [round(distribution.low + i * step, 12) for i in range(count)]
    raise TypeError(f"expected a finite distribution, got {distribution}")


def _ends(distribution: BaseDistribution) -> list[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return [distribution.low, distribution.high]


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))
    except ValueError:
        return False


def _text(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)

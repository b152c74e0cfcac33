"""Search spaces: Hydra's grammar in, Optuna's distributions and typed overrides out."""

import itertools
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceline.errors import InputError
from faceline.sweeps.space import Space, read_space
from faceline.sweeps.summary import shown


class NoGroups:
    """In place of Hydra's loader of configs: no key is a group."""

    def get_group_options(self, *args: Any, **kwargs: Any) -> list[str]:
        return []


def space(*arguments: str, **params: Any) -> Space:
    return read_space(
        {key.replace("__", "."): value for key, value in params.items()}, arguments, ("sweep",), NoGroups()
    )


def test_every_sweep_of_the_grammar_has_its_distribution() -> None:
    got = space(
        "model.lr=tag(log,interval(1e-4,1e-2))", "width=int(interval(16,64))", "depth=range(1,5)",
        "part=range(0,1,0.25)", "+loss=mse,wing",
    )  # fmt: skip
    assert got.distributions == {
        "model.lr": optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True),
        "width": optuna.distributions.IntDistribution(16, 64),
        "depth": optuna.distributions.IntDistribution(1, 4),
        "part": optuna.distributions.FloatDistribution(0, 0.75, step=0.25),
        "+loss": optuna.distributions.CategoricalDistribution(["mse", "wing"]),
    }
    assert got.told()["model.lr"] == "tag(log,interval(1e-4,1e-2))"


def test_the_command_line_wins_over_the_config() -> None:
    got = space("model.lr=1e-3", "depth=1,2", "seed=3", model__lr="interval(0,1)", depth="range(1,9)", width=8)
    assert got.fixed == ("model.lr=1e-3", "width=8", "seed=3")
    assert got.combinations() == [{"depth": "1"}, {"depth": "2"}]


def test_a_range_backwards_is_the_same_numbers() -> None:
    assert space("depth=range(4,0,-1)").combinations() == [{"depth": n} for n in (1, 2, 3, 4)]


@given(
    st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True), min_size=1, max_size=3),
)
def test_a_grid_is_the_product_of_its_values(values: list[list[int]]) -> None:
    keys = [f"key{i}" for i in range(len(values))]
    arguments = [f"{key}=choice({','.join(map(str, v))})" for key, v in zip(keys, values, strict=True)]
    got = space(*arguments).combinations()
    assert [tuple(one.values()) for one in got] == [tuple(map(str, one)) for one in itertools.product(*values)]


@given(st.floats(1e-9, 1e3), st.floats(1.0, 1e3))
def test_a_suggested_number_is_typed_to_its_last_digit(low: float, factor: float) -> None:
    got = space(f"lr=tag(log,interval({low!r},{low * factor!r}))")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    value = study.ask(got.distributions).params["lr"]
    assert float(got.overrides({"lr": value})[-1].removeprefix("lr=")) == value
    assert low <= value <= low * factor


@given(st.sampled_from(["lr", "width", "loss"]), st.integers(0, 3))
def test_the_corners_hold_every_choice_and_both_ends(key: str, _: int) -> None:
    got = space("lr=interval(1,2)", "width=range(3,6)", "loss=a,b,c")
    ends = {"lr": {1.0, 2.0}, "width": {3, 5}, "loss": {"a", "b", "c"}}
    corners = list(got.corners())
    assert {corner[key] for corner in corners} == ends[key]
    assert len(corners) == 1 + sum(len(values) - 1 for values in ends.values())


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("lr=interval(2,1)", "lr: interval(2.0,1.0) is reversed; write interval(1.0,2.0)"),
        ("lr=range(5,1)", "lr: range(5,1) is reversed; write range(1,5)"),
        ("lr=range(1,1)", "lr: range(1,1) is empty"),
        ("lr=tag(log,interval(0,1))", "lr: a logarithmic interval begins above 0"),
        ("lr=glob(*)", "lr: expected choice(a,b)"),
        ("sweep.trials=1,2", "sweep.trials: is about the sweep itself"),
    ],
)
def test_what_cannot_be_searched_is_refused_with_its_key(argument: str, words: str) -> None:
    with pytest.raises(InputError) as refusal:
        space(argument)
    assert f"{refusal.value.column}: {refusal.value.message}".startswith(words)


def test_a_grid_takes_no_interval() -> None:
    with pytest.raises(InputError, match="a grid cannot try the interval"):
        space("lr=interval(1,2)").combinations()


def test_a_beginning_outside_of_the_space_is_refused() -> None:
    got = space("model.lr=interval(1,2)", "loss=a,3")
    assert got.typed({"model.lr": 1.5, "loss": 3}) == {"model.lr": 1.5, "loss": "3"}
    for start, words in [
        ({"model.lr": 3}, "outside of interval"), ({"loss": "c"}, "outside of a,3"),
        ({"model.l": 1}, "did you mean model.lr"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=words):
            got.typed(start)


@pytest.mark.parametrize(
    ("value", "read"),
    [("'x y'", "x y"), (r"q\ r", "q r"), ("[a]", "[a]"), ("['b c']", "['b c']"), (0.00123456, "0.001235"), (3, "3")],
)
def test_values_are_shown_as_they_are_read(value: object, read: str) -> None:
    assert shown(value) == read

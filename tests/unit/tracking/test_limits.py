import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric, _validate_param

from faceline.tracking.limits import checked_metrics, flat_params

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("aZé9@[ ", min_size=1, max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text("aZé9@[", min_size=1, max_size=8), TREES, max_size=4))
def test_mlflow_takes_every_flat_param(config: dict[str, object]) -> None:
    for name, value in flat_params(config).items():
        if "/" not in name:  # a slash makes a path, whose form is the caller's business
            _validate_param(name, value)


@given(st.text(max_size=12), st.floats())
def test_mlflow_takes_every_metric_that_passes(name: str, value: float) -> None:
    try:
        metrics = checked_metrics({name: value})
    except ValueError:
        assert not math.isfinite(value) or not name or any(not (c.isalnum() or c in "_.-/ ") for c in name)
    else:
        if "/" not in name and "." not in name:
            _validate_metric(name, metrics[name], 0, 0)


def test_an_empty_config_has_no_params() -> None:
    assert flat_params({}) == {}
    assert flat_params({"a": {"b": {}}, "c": []}) == {"a.b": "{}", "c": "[]"}


def test_names_are_made_fit() -> None:
    assert flat_params({"a[0]@b": 1}) == {"a_0__b": "1"}
    with pytest.raises(ValueError, match="'a@b'"):
        checked_metrics({"a@b": 1})

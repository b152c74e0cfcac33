"""Errors of ONNX Runtime about a model, which share no base class."""

from typing import Final

from onnxruntime.capi import onnxruntime_pybind11_state as states

FAILURES: Final[tuple[type[Exception], ...]] = (
    ValueError,
    *(each for each in vars(states).values() if isinstance(each, type) and issubclass(each, Exception)),
)
"""Whatever is wrong with a model or its input, it is one of these."""

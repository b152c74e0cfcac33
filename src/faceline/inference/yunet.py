"""Runs the face network on one picture with ONNX Runtime, in a third of OpenCV's time.

Source: Wu et al., "YuNet: a tiny millisecond-level face detector", Machine Intelligence Research 20, 2023. The file is
    the authors' ``yunet_n_320_320.onnx`` (Apache 2.0, see ``LICENSE-yunet``), but with free width and height
    (``scripts/free_yunet.py``).
"""

from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime

from faceline.types import AnyImage, Boxes, PerFrame

NETWORK: Final = Path(__file__).with_name("yunet.onnx")

_STRIDES: Final = (8, 16, 32)
_OUTPUTS: Final = [f"{kind}_{stride}" for stride in _STRIDES for kind in ("cls", "obj", "bbox", "kps")]
_OVERLAP: Final = 0.3
"""Intersection over union from which two boxes belong to one face."""


class FaceNetwork:
    """Searches a picture once, at its own size.

    Args:
        least_score: Lowest score that is returned.
        threads: Number of threads for a picture.
    """

    def __init__(self, least_score: float, threads: int = 1) -> None:
        self.least_score = least_score
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(str(NETWORK), options, providers=["CPUExecutionProvider"])

    def look(self, image: AnyImage) -> np.ndarray:
        """Return the faces of a picture.

        Args:
            image: RGB image.

        Returns:
            (k, 15): a box (x, y, width, height), five points (x, y each) and a score, in pixels; the highest score
            first.
        """
        height, width = image.shape[:2]
        high, wide = (-(-edge // _STRIDES[-1]) * _STRIDES[-1] for edge in (height, width))
        padded = np.zeros((1, 3, high, wide), dtype=np.float32)
        padded[0, :, :height, :width] = image.transpose(2, 0, 1)[::-1]  # BGR, 0 to 255
        outputs = [out[0] for out in self._session.run(_OUTPUTS, {"input": padded})]
        parts = [self._decode(stride, wide // stride, *outputs[4 * i : 4 * i + 4]) for i, stride in enumerate(_STRIDES)]
        rows = np.concatenate(parts)
        return np.asarray(rows[_distinct(rows[:, :4], rows[:, 14])])

    def _decode(
        self, stride: int, columns: int, classes: np.ndarray, objects: np.ndarray, boxes: np.ndarray, points: np.ndarray
    ) -> np.ndarray:
        """Convert the cells of one stride to pixels of the picture."""
        scores = np.sqrt(np.clip(classes[:, 0], 0, 1) * np.clip(objects[:, 0], 0, 1))
        rows = np.flatnonzero(scores >= self.least_score)
        cells = np.stack([rows % columns, rows // columns], axis=1).astype(np.float64)  # (k, 2) column and row
        middles = (cells + boxes[rows, :2]) * stride
        sizes = np.exp(np.minimum(boxes[rows, 2:], 8.0)) * stride
        five = (np.tile(cells, 5) + points[rows]) * stride
        return np.hstack([middles - sizes / 2, sizes, five, scores[rows, None]])


def _distinct(boxes: Boxes, scores: PerFrame) -> np.ndarray:
    """Return the rows of the boxes to keep: of overlapping ones only that with the highest score, which come first."""
    low, high, areas = boxes[:, :2], boxes[:, :2] + boxes[:, 2:], boxes[:, 2:].prod(axis=1)
    kept: list[int] = []
    order = np.argsort(-scores, kind="stable")
    while len(order):
        first, rest = order[0], order[1:]
        kept.append(int(first))
        common = np.clip(np.minimum(high[first], high[rest]) - np.maximum(low[first], low[rest]), 0, None).prod(axis=1)
        order = rest[common <= _OVERLAP * (areas[first] + areas[rest] - common)]
    return np.array(kept, dtype=np.int64)

#!/usr/bin/env python3
"""Free the size that the published YuNet network declares, so that ONNX Runtime gives it photos of every size."""

import argparse
from pathlib import Path

import onnx


def main() -> None:
    """Read the published file and write the one that the package holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("published", type=Path, help="yunet_n_320_320.onnx of OpenCV's model zoo")
    parser.add_argument("freed", type=Path, help="the file to write")
    arguments = parser.parse_args()
    model = onnx.load(arguments.published)
    sizes = model.graph.input[0].type.tensor_type.shape.dim
    sizes[2].dim_param, sizes[3].dim_param = "h", "w"
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"n_{output.name}"
    onnx.save(model, arguments.freed)


if __name__ == "__main__":
    main()

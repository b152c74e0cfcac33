"""Nothing is reported to anybody: ONNX Runtime writes the number of a machine, and sends it, unless told not to."""

import os
import subprocess
import sys
from pathlib import Path


def test_a_detection_leaves_nothing_in_the_home(tmp_path: Path) -> None:
    code = "import numpy, faceline; faceline.detect_faces(numpy.zeros((64, 64, 3), dtype=numpy.uint8))"
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    told = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", code], env={**told, **home}, check=True)
    assert list(tmp_path.rglob("*nnxruntime*")) == []

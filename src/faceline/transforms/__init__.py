"""What is done to a frame and its landmarks together, before a network sees them.

Steps work on landmarks in pixels, as `faceline.geometry.coordinates` defines them; `Normalize` puts them on
[0, 1].

Nothing outside of this package knows albumentations. Its transforms are called one by one and not through its
``Compose``, which drops landmarks outside of the image unless told otherwise and is slow to seed: 90 µs for
8 transforms, where two generators that all of them share take 10.
"""

import os

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # else the import asks the network for a newer version

from faceline.transforms.base import Transform
from faceline.transforms.geometric import Crop, HorizontalFlip, RandomAffine, RandomRotation, Rescale, ScaleShift
from faceline.transforms.photometric import AddNoise, Blur, Brightness, Compression, Occlusion, Recolour
from faceline.transforms.pipeline import Normalize, Pipeline, ToTensor
from faceline.transforms.scene import Scene

__all__ = [
    "AddNoise",
    "Blur",
    "Brightness",
    "Compression",
    "Crop",
    "HorizontalFlip",
    "Normalize",
    "Occlusion",
    "Pipeline",
    "RandomAffine",
    "RandomRotation",
    "Recolour",
    "Rescale",
    "ScaleShift",
    "Scene",
    "ToTensor",
    "Transform",
]

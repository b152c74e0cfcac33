"""Faces and their landmarks: ``faceline.detect_faces(image)``. Nothing is imported before it is used."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faceline.inference.detection import DetectedFace, detect_faces

__all__ = ["DetectedFace", "detect_faces"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from faceline.inference import detection  # noqa: PLC0415  # it takes a second

        return getattr(detection, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

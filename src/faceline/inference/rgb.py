"""Refuses what is no RGB image, and says how to make one of it."""

import numpy as np

from faceline.errors import InputError

_READ = 'np.asarray(PIL.Image.open(file).convert("RGB"))'


def check_image(image: object) -> None:
    """Refuse what is no RGB image.

    Raises:
        InputError: It has another shape or type, or no pixels.
    """
    if not (isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3):
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"expected an RGB image (height, width, 3) of uint8, got {got}{_advice(image)}")
    if not image.size:
        raise InputError(f"expected an image with pixels, got one of {image.shape[1]} x {image.shape[0]}")


def _advice(image: object) -> str:
    """Say how to make an RGB image of what is none."""
    if isinstance(image, np.ndarray):
        of_shape = _advice_on_shape(image.shape)
        return of_shape if of_shape else _advice_on_type(image) if image.dtype != np.uint8 else ""
    if image is None:
        return "; cv2.imread returns it for a file that it cannot read"
    if isinstance(image, list | tuple):
        return "; give one image, as an array, at a time"
    module = type(image).__module__.split(".")[0]
    if module == "PIL":
        return '; convert it with np.asarray(image.convert("RGB"))'
    if module == "torch":
        return "; convert (3, height, width) from 0 to 1 with (image * 255).byte().permute(1, 2, 0).cpu().numpy()"
    return f"; read it with {_READ}"


def _advice_on_shape(shape: tuple[int, ...]) -> str:
    match shape:
        case (_, _):
            return "; convert grey with np.dstack([image] * 3)"
        case (_, _, 1):
            return "; convert grey with np.dstack([image] * 3)"
        case (_, _, 4):
            return "; drop alpha with image[..., :3]"
        case (3, _, width) if width != 3:
            return "; put the colours last with image.transpose(1, 2, 0)"
        case (_, _, _, 3):
            return "; give one image at a time"
    return ""


def _advice_on_type(image: np.ndarray) -> str:
    """Tell from the numbers in which range they are: what is multiplied by too much would be noise."""
    if image.dtype == np.uint16:
        return "; of 16 bits, convert it with (image // 257).astype(np.uint8)"
    if image.dtype == bool:
        return "; convert it with image.astype(np.uint8) * 255"
    if image.dtype.kind not in "fiu":
        return ""
    if image.size and image.max() > 1:
        return "; from 0 to 255, convert it with image.clip(0, 255).astype(np.uint8)"
    return "; from 0 to 1, convert it with (image * 255).astype(np.uint8)"

"""A frame at another size: areas are averaged, so that nothing aliases, and lines are drawn between pixels."""

import numpy as np

from faceline.geometry.resize import resize_image


def test_a_smaller_picture_has_the_means_of_areas() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    small = resize_image(image, 15, 10)
    means = image.reshape(10, 4, 15, 4, 3).mean(axis=(1, 3))
    assert small.shape == (10, 15, 3) and small.dtype == np.uint8
    np.testing.assert_allclose(small, means, atol=0.51)


def test_a_larger_picture_lies_between_its_pixels() -> None:
    image = np.zeros((1, 2, 3), dtype=np.uint8)
    image[0, 1] = 200
    large = resize_image(image, 8, 1)
    assert large[0, :, 0].tolist() == [0, 0, 25, 75, 125, 175, 200, 200]  # at the middles of quarter pixels


def test_a_picture_of_the_same_size_is_the_same() -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resize_image(image, 7, 9), image)

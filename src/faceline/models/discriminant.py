"""The linear map in which the faces of one person lie close together and those of different people far apart."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis


class Projection(NamedTuple):
    """``features @ matrix.T + offset``.

    Attributes:
        matrix: (e, features) directions in which people differ, most first.
        offset: (e,) puts the mean of all features to zero.
    """

    matrix: Float[np.ndarray, "e features"]
    offset: Float[np.ndarray, " e"]


def discriminant(
    features: Float[np.ndarray, "n features"],
    labels: Integer[np.ndarray, " n"],
    components: int,
    shrinkage: float,
    embedding: int,
) -> Projection:
    """Principal components, and in them Fisher's linear discriminants.

    In the space it gives, how far a person's faces scatter is the same in every direction, so that cosines compare
    what tells people apart. Source: Belhumeur, Hespanha and Kriegman, "Eigenfaces vs. Fisherfaces", IEEE TPAMI 19,
    1997.

    Args:
        features: The features of faces of known people.
        labels: Who is seen.
        components: Principal components that are kept, where there are as many.
        shrinkage: Share by which the scatter within people is taken to be the same in all directions: few faces of
            each person do not tell it.
        embedding: Discriminants that are kept; there are one fewer than people.

    Raises:
        ValueError: Fewer than two people.
    """
    people = len(np.unique(labels))
    if people < 2:
        raise ValueError(f"expected faces of two people at least, got {people}")
    pca = PCA(
        min(components, len(features) - 1, features.shape[1]), svd_solver="randomized", iterated_power=2, random_state=0
    )
    kept = pca.fit_transform(features)
    lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage=shrinkage).fit(kept, labels)
    matrix = lda.scalings_[:, : min(embedding, people - 1)].T @ pca.components_
    return Projection(matrix.astype(np.float32), -(matrix @ pca.mean_).astype(np.float32))

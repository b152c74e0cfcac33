"""Computes the linear map that puts faces of one person close together and those of different people far apart."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis


class Projection(NamedTuple):
    """``features @ matrix.T + offset``.

    Attributes:
        matrix: (e, features) directions in which people differ, the strongest first.
        offset: (e,) shift that moves the mean of all features to zero.
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
    """Compute Fisher's linear discriminants of the principal components.

    In the resulting space a person's faces scatter equally in every direction, so cosines compare what tells people
    apart. Source: Belhumeur, Hespanha and Kriegman, "Eigenfaces vs. Fisherfaces", IEEE TPAMI 19, 1997.

    Args:
        features: Features of the faces of known people.
        labels: Person in each face.
        components: Number of principal components to keep, if there are so many.
        shrinkage: Share of the scatter within people that is taken as equal in all directions, because a few faces of
            each person do not determine it.
        embedding: Number of discriminants to keep; there is one fewer than people.

    Raises:
        ValueError: There are fewer than two people.
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

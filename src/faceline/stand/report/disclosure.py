"""Which sums must stay out of a report, since they would be about few people.

A sum is hidden where few people make it. A total less the rows that are told is what all hidden ones are together:
where that would be few people too, the next smallest are hidden, until it is not. Source of the method, cell
suppression: Hundepool et al., "Statistical Disclosure Control", 2012.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

Flags = Bool[np.ndarray, " groups"]
People = Float[np.ndarray, "groups counts"]


def hidden(
    people: People, smallest: int, together: "Sequence[Any] | pd.Series[Any]", also: Flags, overlapping: Flags
) -> Flags:
    """The groups whose sums must not be told.

    Args:
        people: Who make the sum of each group; each column is a count of its own, such as one arm.
        smallest: How many people may be told.
        together: Groups of the same name here add up to a total that is told.
        also: Groups that must be hidden for another reason.
        overlapping: Groups that may have people in common with others, as those of two campaigns have. Several of
            them are then only as many people as the largest is.

    Returns:
        A flag for each group: those about few people, and the smallest others that are needed.
    """
    few: Flags = np.any((people > 0) & (people < smallest), axis=1) | also
    for rows in pd.Series(np.arange(len(people))).groupby(np.asarray(together), sort=False).indices.values():
        few[rows] = complement(few[rows], people[rows], smallest, overlapping=bool(overlapping[rows].any()))
    return few


def complement(few: Flags, people: People, smallest: int, *, overlapping: bool = False) -> Flags:
    """What must be hidden so that a total less what is told is about nobody, or about no few.

    Args:
        few: Groups that are not told for what they are.
        people: Who make the sum of each group; each column is a count of its own.
        smallest: How many people may be told.
        overlapping: The groups may have people in common.

    Returns:
        Those, and the smallest others that are needed.
    """
    few = few.copy()
    while True:
        of_hidden = people[few]
        sums = of_hidden.max(axis=0, initial=0) if overlapping else of_hidden.sum(axis=0)
        lacking = (sums > 0) & (sums < smallest)
        adds = np.where(few, 0, people[:, lacking].sum(axis=1))
        if not adds.any():
            return few
        few[np.where(adds > 0, adds, np.inf).argmin()] = True

"""Decides which sums must stay out of a report, because they would be about few people.

A sum is hidden if few people make it. A total minus the visible rows reveals the sum of all hidden ones. If that would
be about few people, the next smallest rows are hidden too, until it is not. Source of this method, cell suppression:
Hundepool et al., "Statistical Disclosure Control", 2012.
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
    """Return the groups whose sums must be hidden.

    Args:
        people: Number of people behind each group's sum; each column is a separate count, such as one arm.
        smallest: Smallest number of people that is reported.
        together: Groups with the same name here add up to a reported total.
        also: Groups that must be hidden for another reason.
        overlapping: Whether groups may share people, as two campaigns do. Several groups then count as many people as
            the largest one.

    Returns:
        A flag for each group: True for those about few people, and for the smallest others that are needed.
    """
    few: Flags = np.any((people > 0) & (people < smallest), axis=1) | also
    for rows in pd.Series(np.arange(len(people))).groupby(np.asarray(together), sort=False).indices.values():
        few[rows] = complement(few[rows], people[rows], smallest, overlapping=bool(overlapping[rows].any()))
    return few


def complement(few: Flags, people: People, smallest: int, *, overlapping: bool = False) -> Flags:
    """Return what must be hidden so that a total minus what is visible is about nobody or about enough people.

    Args:
        few: Groups that are hidden because they are small.
        people: Number of people behind each group's sum; each column is a separate count.
        smallest: Smallest number of people that is reported.
        overlapping: Whether groups may share people.

    Returns:
        Those groups, and the smallest others that are needed.
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

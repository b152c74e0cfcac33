"""Keeps figures about few people out of a report.

A row about fewer visitors than the smallest group is emptied, and so is a count of people between 1 and that size, with
whatever is made of it. A total less the rows that are told is what all emptied ones are together: where that would be
few people too, the next smallest are emptied, until it is not. Source of the method, cell suppression: Hundepool et
al., "Statistical Disclosure Control", 2012.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

Flags = Bool[np.ndarray, " groups"]
People = Float[np.ndarray, "groups counts"]


def protect(
    table: pd.DataFrame,
    size: str,
    counts: Mapping[str, Sequence[str]],
    smallest: int,
    *,
    whole: bool = False,
    totals: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Empty what would be about few people.

    Args:
        table: A row for each group; its first column is the name of the group.
        size: Column with the number of visitors of a group.
        counts: Columns that count people, where there are such, and for each the columns that are made of it.
        smallest: Size of the smallest group that may be told.
        whole: The rows add up to no total that is told.
        totals: For each row the row of another table, as told, which it adds up to with others, and by whose name
            it is indexed. None where all rows add up to one total.

    Returns:
        The table with missing values, and a last column ``suppressed``: whether anything of the row is missing.
    """
    told = table.copy()
    together = pd.Index(["all"] * len(table)) if totals is None else totals.index

    def more(hidden: Flags, column: str) -> Flags:
        if whole:
            return hidden
        people = np.nan_to_num(table[[column]].to_numpy(dtype=float))
        if totals is not None:  # what is missing of a total must not be told by its parts
            hidden = hidden | totals[column].isna().to_numpy()
        return complement(hidden, people, smallest, together)

    hidden = more(table[size].to_numpy(dtype=float) < smallest, size)
    columns = list(table.columns[1:])
    told[columns] = told[columns].astype(object)
    suppressed = hidden.copy()
    told.loc[hidden, columns] = None
    for name, made in counts.items():
        if name not in table:
            continue
        values = table[name].to_numpy(dtype=float)
        few = more((values > 0) & (values < smallest) | hidden, name)
        told.loc[few, [name, *made]] = None
        suppressed |= few
    told[columns] = told[columns].apply(lambda column: column.convert_dtypes() if column.notna().any() else column)
    told["suppressed"] = suppressed
    return told


def complement(hidden: Flags, people: People, smallest: int, together: "pd.Index[Any]") -> Flags:
    """What must be hidden so that a total less what is told is about nobody, or about no few.

    Args:
        hidden: Groups that are not told for what they are.
        people: Of each group; each column is a count of its own.
        smallest: How many people may be told.
        together: Groups of the same name here add up to a total that is told.

    Returns:
        Those, and the smallest others that are needed.
    """
    hidden = hidden.copy()
    for name in together.unique():
        rows = np.flatnonzero(together == name)
        while True:
            sums = people[rows][hidden[rows]].sum(axis=0)
            lacking = (sums > 0) & (sums < smallest)
            adds = np.where(hidden[rows], 0, people[rows][:, lacking].sum(axis=1))
            if not adds.any():
                break
            hidden[rows[np.where(adds > 0, adds, np.inf).argmin()]] = True
    return hidden

"""Keeps figures about few people out of a report.

A row about fewer visitors than the smallest group is emptied, and so is a count of people between 1 and that size, with
whatever is made of it. Where only one cell of a column was emptied, it could be told from the total: then the next
smallest is emptied too. Source of the method, cell suppression: Hundepool et al., "Statistical Disclosure Control",
2012.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

Flags = Bool[np.ndarray, " groups"]
PerGroup = Float[np.ndarray, " groups"]


def protect(
    table: pd.DataFrame, size: str, counts: Mapping[str, Sequence[str]], smallest: int, *, whole: bool = False
) -> pd.DataFrame:
    """Empty what would be about few people.

    Args:
        table: A row for each group; its first column is the name of the group.
        size: Column with the number of visitors of a group.
        counts: Columns that count people, where there are such, and for each the columns that are made of it.
        smallest: Size of the smallest group that may be told.
        whole: The rows add up to no total that is told.

    Returns:
        The table with missing values, and a last column ``suppressed``: whether anything of the row is missing.
    """
    told = table.copy()
    sizes = table[size].to_numpy(dtype=float)
    hidden = sizes < smallest
    if not whole:
        hidden |= complement(hidden, sizes)
    columns = list(table.columns[1:])
    told[columns] = told[columns].astype(object)
    suppressed = hidden.copy()
    told.loc[hidden, columns] = None
    for name, made in counts.items():
        if name not in table:
            continue
        values = table[name].to_numpy(dtype=float)
        few = (values > 0) & (values < smallest) & ~hidden
        if not whole:
            few |= complement(few | hidden, np.where(values > 0, values, np.inf))
        told.loc[few, [name, *made]] = None
        suppressed |= few
    told[columns] = told[columns].apply(lambda column: column.convert_dtypes() if column.notna().any() else column)
    told["suppressed"] = suppressed
    return told


def complement(hidden: Flags, sizes: PerGroup) -> Flags:
    """One more group, the smallest of the rest, where only one is hidden: else it is the total less the others."""
    more = np.zeros_like(hidden)
    rest = np.where(hidden, np.inf, sizes)
    if hidden.sum() == 1 and np.isfinite(rest).any():
        more[int(rest.argmin())] = True
    return more

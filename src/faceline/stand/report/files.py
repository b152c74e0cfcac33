"""Writes tables as files: CSV, Excel workbooks and Parquet."""

from collections.abc import Mapping
from io import BytesIO
from typing import Final

import pandas as pd

from faceline.outputs import csv_cells
from faceline.stand.content.catalogue import Catalogue
from faceline.stand.report.page import names_of

KINDS: Final[Mapping[str, str]] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
"""Formats of a table, and the media types for browsers."""

_WIDEST: Final = 40  # characters of a column of a workbook


def with_titles(tables: Mapping[str, pd.DataFrame], catalogue: Catalogue | None) -> dict[str, pd.DataFrame]:
    """Add a column ``title`` beside ids of campaigns and contents; without a catalogue nothing changes."""
    if catalogue is None:
        return dict(tables)
    both = {kind: names_of(catalogue, kind) for kind in ("campaign", "content")}
    told = dict(tables)
    for name, ids in (("campaign", both["campaign"]), ("content", both["content"]), ("contest", both["content"]),
                      ("uplift", {**both["content"], **both["campaign"]})):  # fmt: skip
        if name in told:
            table = told[name].copy()
            place = list(table.columns).index("name") + 1
            table.insert(place, "title", [ids.get(each, each) for each in table["name"]])
            told[name] = table
    return told


def as_file(table: pd.DataFrame, kind: str, sheet: str = "figures") -> bytes:
    """Return a table in one of `KINDS`."""
    if kind == "csv":
        return str(csv_cells(table).to_csv(index=False)).encode()
    if kind == "xlsx":
        return workbook({sheet: table})
    stream = BytesIO()
    table.to_parquet(stream, index=False)
    return stream.getvalue()


def workbook(tables: Mapping[str, pd.DataFrame]) -> bytes:
    """Return a workbook with a sheet for each table; column names stay visible and no text becomes a formula."""
    stream = BytesIO()
    with pd.ExcelWriter(stream, engine="openpyxl") as writer:
        for name, table in tables.items():
            csv_cells(table).to_excel(writer, sheet_name=name, index=False)
            sheet = writer.sheets[name]
            sheet.freeze_panes = "B2"
            for column, cells in zip(table.columns, sheet.columns, strict=True):
                longest = max([len(str(column)), *(len(str(value)) for value in table[column].head(200))])
                sheet.column_dimensions[cells[0].column_letter].width = min(_WIDEST, longest + 2)
    return stream.getvalue()

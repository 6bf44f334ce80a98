"""`migstats export`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from migstats import settings
from migstats.terminal import plainly, print_json

app = typer.Typer()


@app.command()
@plainly
def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="the folder; an export that is there is replaced")],
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="sdmx-csv, sdmx-ml, parquet or csv; may be repeated")
    ] = None,
    topic: Annotated[list[str] | None, typer.Option(help="of this topic alone; may be repeated")] = None,
    indicator: Annotated[list[str] | None, typer.Option(help="of this indicator alone; may be repeated")] = None,
    country: Annotated[
        list[str] | None, typer.Option(help="about this country, or it is the other area; may be repeated")
    ] = None,
    source: Annotated[list[str] | None, typer.Option(help="of this source alone; may be repeated")] = None,
    sdg: Annotated[bool, typer.Option("--sdg", help="only indicators with a series of the global SDGs")] = False,
    headers: Annotated[
        str, typer.Option(help="of csv: csvw (metadata beside), hxl (a row of hashtags) or none")
    ] = "csvw",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, for a program to read")] = False,
) -> None:
    """Write what is published to files: SDMX-CSV, SDMX-ML, Parquet, one CSV for each country; with their licences."""
    from migstats.exports.bundle import Wanted, formats_of
    from migstats.exports.bundle import export as write
    from migstats.exports.selection import Selection

    said: Any = headers
    chosen = Selection(
        topics=tuple(topic or ()),
        indicators=tuple(indicator or ()),
        countries=tuple(code.upper() for code in country or ()),
        sources=tuple(source or ()),
        sdg=sdg,
    )
    wanted = Wanted(chosen, formats_of(formats or ()), said, settings.export_address())
    done = write(settings.warehouse_url(), output, wanted)
    assert done is not None
    if as_json:
        print_json({**asdict(done), "folder": str(done.folder)})
        return
    print(f"{done.figures} figures of {len(done.sources)} sources in {done.files} files: {done.folder}")

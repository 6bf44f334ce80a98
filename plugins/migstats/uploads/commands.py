"""`migstats forms` and `migstats template`: what there is to fill in, and the workbook for it."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migstats.errors import DeclarationError, MigstatsError
from migstats.names import LANGUAGES
from migstats.terminal import plainly, print_json, print_table, put

if TYPE_CHECKING:
    from migstats.uploads.contract import Form
    from migstats.uploads.template import Accepted

app = typer.Typer()


@app.command()
@plainly
def forms(
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, for a program to read")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="print the page docs/forms.md")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="write the page there")] = None,
    declare: Annotated[
        bool, typer.Option("--declare", help="write the declarations of what countries send anew, from the contracts")
    ] = False,
) -> None:
    """List the upload forms: what countries fill in, with which columns and measures."""
    from migstats.uploads.contract import forms as contracts
    from migstats.uploads.dictionary import page

    if declare:
        from migstats.uploads.declaration import countries, files

        for path, text in (pair for country in countries() for pair in files(country).items()):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(path)
        return
    if markdown:
        put(page(contracts().values()), output)
        return
    if as_json:
        print_json([form.model_dump(mode="json") for form in contracts().values()])
        return
    rows = (
        (
            form.id,
            form.title.en,
            ", ".join(measure.indicator for measure in form.measures),
            ", ".join(key.id for key in form.keys),
            form.version,
        )
        for form in contracts().values()
    )
    print_table(("id", "title", "measures", "columns", "version"), rows)


@app.command()
@plainly
def template(
    form: Annotated[str, typer.Option(help="id of the form; `migstats forms` lists them")],
    country: Annotated[str, typer.Option(help="ISO alpha-3 code, such as MAR, or a name that is clear by itself")],
    year: Annotated[int, typer.Option(help="the year that the figures are about")],
    output: Annotated[Path, typer.Option("--output", "-o", help="the workbook, .xlsx")],
    language: Annotated[str, typer.Option("--lang", help="en, fr, es, ar or ru")] = "en",
    example: Annotated[
        bool, typer.Option("--example", help="filled with invented figures, to show how it is done")
    ] = False,
    contact: Annotated[str, typer.Option(help="whom an official asks: a line for the sheet of instructions")] = "",
) -> None:
    """Write the workbook of a form for a country to fill in, with what was accepted of it last in grey.

    That is looked up in the warehouse (MIGSTATS_WAREHOUSE) and the lake; without them the workbook says that it is not.
    """
    from migstats.uploads import example as filled
    from migstats.uploads import template as empty
    from migstats.uploads.choices import country_of
    from migstats.uploads.contract import form_of

    contract, area = form_of(form), country_of(country)
    this_year = dt.datetime.now(dt.UTC).year
    if not contract.first_year <= year <= this_year:
        raise DeclarationError(f"year {year}: form {form} is for years from {contract.first_year} to {this_year}")
    if language not in LANGUAGES:
        raise DeclarationError(f"{language!r} is none of the languages {', '.join(LANGUAGES)}")
    if output.suffix.lower() != ".xlsx":
        raise DeclarationError(f"{output}: a template is an Excel workbook; let its name end in .xlsx")
    if example:
        filled.example(contract, area, year, language, output)
    else:
        accepted = _last_accepted(contract, area, year)
        empty.write(contract, area, year, language, output, accepted=accepted, contact=contact)
    print(f"{output}: {contract.title.of(language)}, {area} {year}")


def _last_accepted(contract: Form, country: str, year: int) -> tuple[Accepted, ...] | None:
    """What was accepted last; None where this machine cannot know it, and then it says why."""
    from migstats import settings
    from migstats.uploads.earlier import last_accepted

    try:
        return last_accepted(settings.warehouse_url(), contract, country, year)
    except MigstatsError as error:
        print(f"the workbook shows no earlier figures: {error}", file=sys.stderr)
        return None

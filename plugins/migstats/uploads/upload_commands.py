"""`migstats upload ...`: a workbook looked at without a warehouse, or sent, followed, answered for and confirmed."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from migstats.errors import PermanentError
from migstats.terminal import plainly, print_json, print_table

app = typer.Typer(help="Workbooks that countries send.", no_args_is_help=True)

Form = Annotated[str, typer.Option(help="id of the form; `migstats forms` lists them")]
Country = Annotated[str, typer.Option(help="ISO alpha-3 code, such as MAR, or a name that is clear by itself")]
Year = Annotated[int, typer.Option(help="the year that the figures are about")]
Language = Annotated[str, typer.Option("--lang", help="of the answer: en, fr, es, ar or ru")]
Who = Annotated[str, typer.Option("--as", help="who does it; kept with the step")]
Receipt = Annotated[str, typer.Argument(help="number of the receipt, such as MAR-2025-7K2M9QXA")]
Marked = Annotated[Path | None, typer.Option("--output", "-o", help="write the workbook with its cells marked there")]


@app.command()
@plainly
def check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    form: Form,
    country: Country,
    year: Year,
    language: Language = "en",
    output: Marked = None,
) -> None:
    """Look at a workbook on this machine: what was understood, and what is wrong with it. Nothing is sent or kept."""
    from migstats.uploads import intake
    from migstats.uploads.choices import country_of

    area = country_of(country)
    reading = intake.read(
        file, file.name, form=form, country=area, year=year, language=language, accepted={}, keep=False
    )
    print(_told(reading.findings, reading.figures, language, file.name))
    if output is not None:
        _write_marked(file, file.name, area, reading.findings, language, output)
    if any(finding.weight in ("refused", "error") for finding in reading.findings):
        raise typer.Exit(1)


@app.command()
@plainly
def send(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    form: Form,
    country: Country,
    year: Year,
    who: Who,
    language: Language = "en",
) -> None:
    """Send a workbook: it is kept, and has a receipt. The DAG `intake` starts its run within minutes."""
    from migstats import settings
    from migstats.uploads import submission
    from migstats.uploads.choices import country_of
    from migstats.uploads.contract import form_of

    area, declared = country_of(country), form_of(form)
    sent = submission.Sent(area, declared.id, year, language, "command", who, file.name)
    there, new = submission.receive(settings.warehouse_url(), sent, file.read_bytes())
    print(f"{there.upload_id}: {'received' if new else f'was received before, and is {there.state}'}")


@app.command("list")
@plainly
def list_(
    country: Annotated[str | None, typer.Option(help="of one country only")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, for a program to read")] = False,
) -> None:
    """List the newest submissions."""
    from migstats import settings
    from migstats.uploads import submission
    from migstats.uploads.choices import country_of

    found = submission.listed(settings.warehouse_url(), country=country_of(country) if country else None)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    header = ("receipt", "form", "year", "state", "since", "figures", "sent by", "file")
    print_table(
        header,
        (
            (o.upload_id, o.form, o.year, o.state, f"{o.at:%Y-%m-%d %H:%M}", o.figures, o.sent_by, o.file_name)
            for o in found
        ),
    )


@app.command()
@plainly
def show(
    receipt: Receipt, language: Annotated[str | None, typer.Option("--lang")] = None, output: Marked = None
) -> None:
    """Show what became of a submission: its steps, and the answer."""
    from migstats import lake, settings
    from migstats.uploads import submission

    url = settings.warehouse_url()
    there, found = submission.find(url, receipt), submission.findings(url, receipt)
    spoken = language or there.language
    for event in submission.events(url, receipt):
        print(f"{event['at']:%Y-%m-%d %H:%M}  {event['state']}  {event['who']}  {event['reason']}".rstrip())
    if there.figures is not None:
        print(f"content {there.content_sha256 or 'none'}\n")
        print(_told([one.finding for one in found], there.figures, spoken, there.file_name))
    for one in found:
        if one.finding.weight == "question":
            print(f"question {one.number}: {one.answer or 'not answered yet'}")
    if output is not None:
        path = lake.upload_path(there.sha256)
        _write_marked(path, there.file_name, there.country, [one.finding for one in found], spoken, output)


@app.command()
@plainly
def reply(
    receipt: Receipt,
    number: Annotated[int, typer.Argument(help="number of the question; `migstats upload show` has it")],
    text: Annotated[str, typer.Argument(help="the answer, three letters or more")],
    who: Who,
) -> None:
    """Answer a question about a submission."""
    from migstats import settings
    from migstats.uploads import submission

    there = submission.answer(settings.warehouse_url(), receipt, {number: text}, who=who)
    print(f"{there.upload_id} is {there.state}")


@app.command()
@plainly
def confirm(
    receipt: Receipt,
    content: Annotated[str, typer.Argument(help="the content that `migstats upload show` prints: what is confirmed")],
    who: Who,
    not_before: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="embargo: the figures are not loaded before this day, 12:00 UTC"),
    ] = None,
) -> None:
    """Confirm what was understood; then a statistician, who is somebody else, approves it."""
    from migstats import settings
    from migstats.uploads import submission

    day = not_before.date() if not_before is not None else None
    there = submission.confirm(settings.warehouse_url(), receipt, content, who=who, not_before=day)
    print(f"{there.upload_id} is {there.state}")


@app.command()
@plainly
def withdraw(receipt: Receipt, who: Who, reason: Annotated[str, typer.Option(help="why; kept with the step")]) -> None:
    """Take a submission back."""
    from migstats import settings
    from migstats.uploads import submission

    there = submission.withdraw(settings.warehouse_url(), receipt, who=who, reason=reason)
    print(f"{there.upload_id} is {there.state}")


def _told(findings: Sequence, figures: int, language: str, name: str) -> str:  # type: ignore[type-arg]
    from migstats.uploads.answer import answer_of, as_text

    return as_text(answer_of(findings, figures=figures, language=language, file=name))


def _write_marked(path: Path, name: str, country: str, findings: Sequence, language: str, output: Path) -> None:  # type: ignore[type-arg]
    from migstats.uploads.intake import marked

    content = marked(path, name, country, findings, language)
    if content is None:
        print("there is nothing to mark in this file", file=sys.stderr)
        return
    if output.suffix.lower() != ".xlsx":
        raise PermanentError(f"{output}: what comes back is an Excel workbook; let its name end in .xlsx")
    output.write_bytes(content)

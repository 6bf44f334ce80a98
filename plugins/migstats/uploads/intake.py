"""A workbook from its arrival to what is told of it: kept, looked at, understood, held against what was accepted."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from migstats import lake, warehouse
from migstats.uploads import difference as differences
from migstats.uploads import reading, safety, sandbox, submission
from migstats.uploads.answer import answer_of, as_text
from migstats.uploads.contract import form_of, forms
from migstats.uploads.declaration import countries
from migstats.uploads.finding import Finding, RefusedFileError, in_order
from migstats.uploads.formats import formats_of
from migstats.uploads.grid import Grid
from migstats.uploads.identity import stamp_of
from migstats.uploads.limits import limits
from migstats.uploads.marked import without_answer
from migstats.uploads.reading import read_apart
from migstats.uploads.safety import Accepted
from migstats.uploads.submission import Reading, Sent, Submission
from migstats.uploads.understanding import understand
from migstats.uploads.understood import Understood, canonical, content_sha256, keys_of

#: Folders beside the workbooks of a country, where they go when they were taken in, or could not be.
TAKEN, REFUSED, ANSWERS = "received", "refused", "answers"
#: How long a file has to stand unchanged before it is taken in.
SETTLED: Final = dt.timedelta(seconds=30)
#: Who is said to have sent what lay in a watched folder.
FOLDER: Final = "folder"


def check(url: str, upload_id: str, *, who: str) -> Submission:
    """Look at a workbook that came, keep what was understood and found, and purge it where it holds data on persons.

    One that was looked at before stays as it is. ConfigurationError where this machine cannot read it safely.
    """
    there = submission.find(url, upload_id)
    if there.state != "received":
        return there
    accepted = accepted_tables(url, there.country, there.form)
    found = read(
        lake.upload_path(there.sha256),
        there.file_name,
        form=there.form,
        country=there.country,
        year=there.year,
        language=there.language,
        accepted=accepted,
    )
    back = marked(lake.upload_path(there.sha256), there.file_name, there.country, found.findings, there.language)
    if back is not None:
        returned = {"sha256": lake.store_upload(back), "suffix": "xlsx"}
        found = replace(found, preview={**found.preview, "marked": returned})
    kept = submission.read(url, upload_id, found, who=who)
    if _is_personal(found.findings):
        lake.purge_upload(there.sha256)
    return kept


def read(
    path: Path,
    name: str,
    *,
    form: str,
    country: str,
    year: int,
    language: str,
    accepted: Mapping[int, bytes],
    keep: bool = True,
) -> Reading:
    """What a workbook says as this form of this country and year; `accepted` has the accepted tables by year.

    The canonical table goes into the lake (`keep`) where nothing is wrong that has to be mended.
    """
    declared, formats = form_of(form), formats_of(country)
    try:
        grid, inspected = read_apart(path, name, formats.encodings)
    except RefusedFileError as refused:
        return Reading(None, None, 0, 0, {}, (refused.finding,))
    grid = without_answer(grid)
    before = accepted.get(year)
    understood = understand(
        declared,
        grid,
        country,
        year,
        formats,
        language=language,
        accepted=keys_of(before) if before is not None else None,
    )
    return _reading(understood, grid, accepted, year, scanned=inspected.scanned, keep=keep)


def _reading(
    understood: Understood, grid: Grid, accepted: Mapping[int, bytes], year: int, *, scanned: bool, keep: bool
) -> Reading:
    preview: dict[str, Any] = {
        **asdict(understood.preview),
        "explained": dict(understood.explained),
        "refused": understood.refused,
        "scanned": scanned,
    }
    if any(finding.weight in ("refused", "error") for finding in understood.findings) or not len(understood.figures):
        return Reading(None, None, len(understood.figures), understood.cells, preview, tuple(understood.findings))
    table = canonical(understood)
    others = {y: text for y, text in accepted.items() if y != year}
    preview["difference"] = differences.difference(table, accepted.get(year), others).as_json()
    asked = differences.outliers(table, others.get(year - 1))
    findings = in_order([*understood.findings, *asked], [sheet.name for sheet in grid.sheets])
    return Reading(
        snapshot=lake.store_snapshot(table) if keep else sha256(table).hexdigest(),
        content_sha256=content_sha256(understood),
        figures=len(understood.figures),
        cells=understood.cells,
        preview=preview,
        findings=tuple(findings),
    )


def marked(path: Path, name: str, country: str, findings: Sequence[Finding], language: str) -> bytes | None:
    """Their own workbook with its cells marked, or a report of them; None where there is nothing to mark."""
    try:
        kind = safety.inspect(path, name).kind
        found = sandbox.run(
            mark_file,
            path,
            bytes,
            kind=kind,
            encodings=list(formats_of(country).encodings),
            findings=msgspec.to_builtins(list(findings)),
            language=language,
        )
    except RefusedFileError:
        return None  # what is not read is not marked either
    return found or None


def mark_file(path: str, kind: Accepted, encodings: list[str], findings: list[Any], language: str) -> bytes:
    """In the sandbox: the marked workbook; empty where there is none."""
    from migstats.uploads.marked import mark

    content = Path(path).read_bytes()
    grid = reading.read(content, kind, encodings) if kind != "xlsx" else None
    return mark(content, kind, msgspec.convert(findings, list[Finding]), language, grid) or b""


def accepted_tables(url: str, country: str, form: str) -> dict[int, bytes]:
    """Year -> the canonical table of the submission that stands, of one form of a country."""
    with warehouse.connect(url) as connection:
        rows = warehouse.rows(connection, "uploads/standing", {"country": country, "form": form})
    return {row["year"]: lake.read_snapshot(row["snapshot"]) for row in rows}


# -- watched folders --------------------------------------------------------------------------------------------


def collect(url: str, root: Any, *, now: dt.datetime) -> tuple[list[Submission], dict[str, str]]:
    """Take workbooks out of `<root>/<ISO3>/`: those that came, and why others were refused.

    `root` is a path, or an ObjectStoragePath. A workbook says by its properties which form and year it is; the folder
    says of which country. Each is moved beside: to `received/<receipt>-<name>`, or to `refused/`, with the reason. What
    is too big to be read stays where it is, as does what changed within SETTLED: it may still be being copied.
    """
    came: list[Submission] = []
    refused: dict[str, str] = {}
    settled, most = (now - SETTLED).timestamp(), limits().size
    for folder in sorted((p for p in _listed(root) if p.is_dir()), key=lambda p: p.name):
        if folder.name not in countries():
            refused[folder.name] = f"no country sends figures under this name; there are {', '.join(countries())}"
            continue
        for file in sorted((p for p in _listed(folder) if p.is_file()), key=lambda p: p.name):
            about = file.stat()
            if file.name.startswith(".") or file.name.endswith(".txt") or about.st_mtime > settled:
                continue
            if about.st_size > most:
                refused[f"{folder.name}/{file.name}"] = f"{about.st_size} bytes, and {most} is the most"
                continue
            content = file.read_bytes()
            try:
                there = _taken(url, folder.name, file.name, content)
            except RefusedFileError as why:
                refused[f"{folder.name}/{file.name}"] = why.finding.code
                _move(folder / REFUSED, file, file.name, content)
                language = formats_of(folder.name).languages[0]
                _tell(folder / REFUSED, file.name, [why.finding], 0, language, file.name)
                continue
            came.append(there)
            _move(folder / TAKEN, file, f"{there.upload_id}-{file.name}", content)
    return came, refused


def tell_in_folder(root: Any, there: Submission, findings: Sequence[Finding]) -> None:
    """Lay the answer about a workbook of a watched folder beside it, and their workbook with its cells marked."""
    folder = root / there.country / ANSWERS
    if _is_personal(findings):
        (root / there.country / TAKEN / f"{there.upload_id}-{there.file_name}").unlink(missing_ok=True)
    _tell(folder, there.upload_id, findings, there.figures or 0, there.language, there.file_name)
    returned = (there.preview or {}).get("marked")
    if returned is not None:
        (folder / f"{there.upload_id}.xlsx").write_bytes(lake.read_upload(returned["sha256"]))


def _is_personal(findings: Iterable[Finding]) -> bool:
    return any(finding.code == submission.PERSONAL for finding in findings)


def _tell(folder: Any, name: str, findings: Sequence[Finding], figures: int, language: str, file: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    told = as_text(answer_of(findings, figures=figures, language=language, file=file))
    (folder / f"{name}.txt").write_text(f"{told}\n", encoding="utf-8")


def _listed(folder: Any) -> Iterable[Any]:
    return list(folder.iterdir()) if folder.exists() else []


def _move(folder: Any, file: Any, name: str, content: bytes) -> None:
    """Write it there, then take it away here: between the two it is there twice, and has the receipt it had."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    file.unlink()


def _taken(url: str, country: str, name: str, content: bytes) -> Submission:
    stamp = _stamp(name, content, country)
    sent = Sent(country, stamp["form"], stamp["year"], stamp["language"], "folder", f"{FOLDER}:{country}", name)
    return submission.receive(url, sent, content)[0]


def _stamp(name: str, content: bytes, country: str) -> dict[str, Any]:
    """Form, year and language of a workbook, by what it says of itself."""
    with tempfile.NamedTemporaryFile(prefix="migstats-intake-") as file:  # it is kept where it is taken in
        file.write(content)
        file.flush()
        grid, _ = read_apart(Path(file.name), name, formats_of(country).encodings)
    stamp = stamp_of(grid)
    if stamp is None or stamp.form not in forms():
        raise RefusedFileError(Finding("no_form"))
    if stamp.country != country:
        raise RefusedFileError(Finding("wrong_country", words={"expected": country, "found": stamp.country}))
    return {"form": stamp.form, "year": stamp.year, "language": stamp.language}

"""`migstats ...`: the functions of the pipeline for people and scripts."""

from __future__ import annotations

import csv
import datetime as dt
import json
import logging
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from migstats import settings
from migstats.errors import ConfigurationError, DeclarationError, MigstatsError, PermanentError
from migstats.exports import commands as export_commands
from migstats.roles import passwords, role_url, roles_file
from migstats.source import codelist_folders, folder_of, read_source, read_sources
from migstats.terminal import plainly as _plainly
from migstats.terminal import print_json as _print_json
from migstats.terminal import print_table as _print_table
from migstats.terminal import put as _put
from migstats.uploads import commands, portal_commands, upload_commands

app = typer.Typer(
    help="Harmonised migration statistics: declarations, local reads, lineage, state of the warehouse.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Admin = Annotated[str | None, typer.Option(help="URL of the database's owner (or MIGSTATS_ADMIN)")]
Json = Annotated[bool, typer.Option("--json", help="print JSON, for a program to read")]
Sources = Annotated[
    list[Path] | None, typer.Option("--sources", help="a further folder of source declarations (or MIGSTATS_SOURCES)")
]


def _list(statement: str, columns: Sequence[str], *, as_json: bool) -> None:
    """Print the rows of a query in `include/sql/`: all that it gives as JSON, these columns as a table."""
    from migstats import warehouse

    with warehouse.connect(settings.warehouse_url()) as connection:
        found = warehouse.rows(connection, statement)
    if as_json:
        _print_json(found)
    else:
        _print_table(columns, ([row[column] for column in columns] for row in found))


@app.command()
@_plainly
def sources(
    as_json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="print the page docs/sources.md")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="write the page there")] = None,
    awaited: Annotated[bool, typer.Option("--awaited", help="only publishers without a known interface")] = False,
    further: Sources = None,
) -> None:
    """List the declared sources: what each has, how it is asked, under which terms, and how sure we are of it.

    Below them, or alone with --awaited, the publishers of whom no interface is known.
    """
    from migstats.awaited import read_awaited
    from migstats.catalogue import entries, page

    declared, concepts = read_sources(further or ()), codelist_folders(further or ())
    if markdown:
        _put(page(declared, concepts, further or ()), output)
        return
    listed = read_awaited()
    if as_json and awaited:
        _print_json([entry.model_dump(mode="json") for entry in listed])
        return
    found = [] if awaited else entries(declared.values(), concepts, further or ())
    if as_json:
        _print_json([asdict(entry) for entry in found])
        return
    columns = (
        *("id", "publisher", "readers", "slices", "schedule", "licence", "redistribution", "indicators", "areas"),
        *("first", "last", "verified"),
    )

    def text(cell: object) -> object:
        return ", ".join(map(str, cell)) if isinstance(cell, tuple) else cell

    if not awaited:
        _print_table(columns, ([text(getattr(entry, c)) for c in columns] for entry in found))
    print("\nAwaited: no interface is known; delivered by upload form")
    facts = ("id", "country", "areas", "publisher", "homepage", "indicators", "why", "licence")
    _print_table(facts, ([text(getattr(entry, fact) or "") for fact in facts] for entry in listed))


@app.command()
@_plainly
def indicators(
    as_json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="print the page docs/indicators.md")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="write the page there")] = None,
    further: Sources = None,
) -> None:
    """List the indicator catalogue: unit, sector, SDG, Global Compact, and which sources give each indicator."""
    from migstats.catalogue import given
    from migstats.codelists import read_codelist
    from migstats.indicators import page
    from migstats.uploads.contract import with_indicator

    concepts = codelist_folders(further or ())
    sources = given(read_sources(further or ()).values(), concepts, further or ())
    if markdown:
        _put(page(concepts, sources, with_indicator()), output)
        return
    listed, catalogue = read_codelist(concepts, "indicator").rows, read_codelist(concepts, "indicator_catalogue").rows
    found = [
        {**row, **catalogue.get(code, {}), "sources": "|".join(sources.get(code, ()))} for code, row in listed.items()
    ]
    if as_json:
        _print_json(found)
        return
    columns = (
        "code",
        "name_en",
        "unit",
        "stock_or_flow",
        "sector",
        "sdg_indicator",
        "sdg_target",
        "gcm_objective",
        "sources",
    )
    _print_table(columns, ([row.get(column, "") for column in columns] for row in found))


@app.command()
@_plainly
def audit(
    folder: Annotated[Path, typer.Argument(help="a folder of payloads; the folders in it too")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="CSV with a line for each file")] = None,
    as_json: Json = False,
    further: Sources = None,
) -> None:
    """Account for every file of a folder: landed = observations + quarantined + explained, or refused with a reason."""
    from migstats.audit import audit as accounts_of

    if not folder.is_dir():
        raise PermanentError(f"{folder}: there is no such folder")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = list(
        accounts_of(files, read_sources(further or ()).values(), further or (), today=dt.datetime.now(dt.UTC).date())
    )
    rows = [
        {
            **asdict(account),
            "file": str(Path(account.file).relative_to(folder)),
            "datasets": ", ".join(account.datasets),
            "reasons": ", ".join(f"{reason} {count}" for reason, count in sorted(account.reasons.items())),
        }
        for account in found
    ]
    if output is not None:
        with output.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else ["file"])
            writer.writeheader()
            writer.writerows(rows)
    if as_json:
        _print_json(rows)
    else:
        _print_accounts(rows)
    wrong = [account.file for account in found if not account.balances]
    if wrong:
        raise PermanentError(f"{', '.join(wrong)}: what landed is not what was loaded, quarantined and explained")


def _print_accounts(rows: Sequence[Mapping[str, Any]]) -> None:
    """What became of the files, by dataset, and why those were refused that were."""
    counts = ("landed", "observations", "quarantined", "explained")
    total: dict[tuple[str, ...], Counter[str]] = {}
    for row in rows:
        key = tuple(str(row[name]) for name in ("outcome", "format", "source", "datasets"))
        total.setdefault(key, Counter()).update({"files": 1, **{name: row[name] for name in counts}})
    columns = ("outcome", "format", "source", "datasets", "files", *counts)
    _print_table(columns, ((*key, *(sums[name] for name in columns[4:])) for key, sums in sorted(total.items())))
    for row in rows:
        if row["outcome"] == "refused":
            print(f"refused {row['file']}: {row['why'][:300]}")
    every: Counter[str] = Counter()
    for sums in total.values():
        every.update(sums)
    print(f"{len(rows)} files: " + ", ".join(f"{name} {every[name]:,}" for name in counts))


@app.command()
@_plainly
def check(further: Sources = None) -> None:
    """Check every declaration: sources, codes, corrections, gates, golden figures, suites. All findings."""
    from migstats.checks import findings

    found, summary = findings(further or (), today=dt.datetime.now(dt.UTC).date())
    for finding in found:
        print(finding, file=sys.stderr)
    if found:
        raise DeclarationError(f"{len(found)} findings in the declarations; mend the lines named above")
    print(summary)


@app.command()
@_plainly
def codes(
    source: Annotated[str, typer.Argument(help="id of a declared source, or the folder of its source.yaml")],
    files: Annotated[list[Path], typer.Argument(help="SDMX structure messages: codelists, data structure definitions")],
    dataset: Annotated[list[str] | None, typer.Option(help="of this dataset alone; may be repeated")] = None,
    of: Annotated[
        list[str] | None, typer.Option("--of", help="COLUMN=CODELIST where the files do not say which; may be repeated")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="CSV with a line for each code")] = None,
    as_json: Json = False,
    further: Sources = None,
) -> None:
    """Hold a source's codes against the publisher's codelists: what resolves, what does not, what is gone (then 1)."""
    from migstats import structures
    from migstats.harmonise import read_codes
    from migstats.readers import sdmx_structure

    folder = Path(source) if (Path(source) / "source.yaml").is_file() else folder_of(source, further or ())
    declared = read_source(folder / "source.yaml")
    for name in dataset or ():
        declared.dataset(name)
    wrong = [pair for pair in of or () if "=" not in pair]
    if wrong:
        raise DeclarationError(f"--of {wrong[0]}: write COLUMN=CODELIST, such as REF_AREA=CL_AREA")
    lists = codelist_folders(further or ())
    found = structures.held(
        declared,
        read_codes(folder, lists),
        lists,
        structures.merged([sdmx_structure.read(file.read_bytes()) for file in files]),
        named=dict(pair.split("=", 1) for pair in of or ()),
        datasets=dataset or (),
    )
    if output is not None:
        _write_codes(output, found)
    if as_json:
        _print_json([asdict(one) for one in found])
    else:
        _print_codes(found)
    gone = [f"{one.dataset} {one.column}: {', '.join(one.gone)}" for one in found if one.gone]
    if gone:
        raise PermanentError(
            f"the publisher's codelists no longer have codes that {declared.id} declares: {'; '.join(gone)}; find out "
            "what took their place, and mend codes.csv or source.yaml"
        )
    if all(one.codelist is None for one in found):
        raise PermanentError(
            f"no column of {declared.id} has a codelist in these files; say with --of COLUMN=CODELIST which is whose"
        )


def _write_codes(output: Path, found: Iterable[Any]) -> None:
    with output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("dataset", "column", "concept", "codelist", "code", "outcome", "target", "name"))
        for one in found:
            at = (one.dataset, one.column, one.concept, one.codelist)
            writer.writerows((*at, code, "map", target, "") for code, target in one.resolved.items())
            writer.writerows((*at, code, treatment, "", "") for code, treatment in one.left.items())
            writer.writerows((*at, code, "unresolved", "", name) for code, name in one.unresolved.items())
            writer.writerows((*at, code, "gone", "", "") for code in one.gone)


def _print_codes(found: Iterable[Any]) -> None:
    columns = ("dataset", "concept", "column", "codelist", "resolved", "left aside", "unresolved", "gone")
    rows = []
    for one in found:
        some = ", ".join(list(one.unresolved)[:8]) + (" ..." if len(one.unresolved) > 8 else "")
        unresolved = f"{len(one.unresolved)}: {some}" if one.unresolved else "0"
        counts = (len(one.resolved), len(one.left), unresolved, ", ".join(one.gone))
        rows.append((one.dataset, one.concept, one.column, one.codelist or "not in these files", *counts))
    _print_table(columns, rows)


@app.command()
@_plainly
def read(
    source: Annotated[str, typer.Argument(help="id of a declared source, or the folder of its source.yaml")],
    files: Annotated[list[Path], typer.Argument(help="local payloads; the pages of one slice are read together")],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV of observations; quarantine goes beside it")],
    dataset: Annotated[str | None, typer.Option(help="which dataset the files are of")] = None,
    further: Sources = None,
    as_json: Json = False,
) -> None:
    """Read local files with a source's reader and harmonise them: no Airflow, no database."""
    import polars as pl

    from migstats import local
    from migstats.harmonise import wide

    folder = Path(source) if (Path(source) / "source.yaml").is_file() else folder_of(source, further or ())
    declared = read_source(folder / "source.yaml")
    for file in files:
        if not file.is_file():
            raise PermanentError(f"{file}: there is no such file")
        if output.resolve() == file.resolve():
            raise PermanentError(f"{file}: the observations would be written over it; give another file to -o")
    slices = local.read_files(files, declared, dataset, folder, today=dt.datetime.now(dt.UTC).date())
    observations, repeats = local.together(
        [wide(done, ", ".join(file.name for file in group)) for group, done in slices]
    )
    quarantine, report = [], []
    for (group, done), repeated in zip(slices, repeats, strict=True):
        held = pl.from_arrow(done.quarantine)
        told = pl.from_arrow(done.explained)
        assert isinstance(held, pl.DataFrame)
        assert isinstance(told, pl.DataFrame)
        name = ", ".join(map(str, group))
        quarantine.append(held.with_columns(file=pl.lit(name)))
        explained = Counter(dict(told.group_by("reason").agg(pl.col("count").sum()).sort("reason").iter_rows()))
        if repeated:
            explained["identical_duplicate"] += repeated
        report.append(
            {
                "file": name,
                "landed": sum(done.landed.values()),
                "observations": done.facts.num_rows - repeated,
                "quarantined": int(held["cells"].sum()),
                "explained": explained.total(),
                "quarantine_reasons": dict(
                    held.group_by("reason").agg(pl.col("cells").sum()).sort("reason").iter_rows()
                ),
                "explained_reasons": dict(explained),
            }
        )
    beside = output.with_name(f"{output.stem}.quarantine.csv")
    observations.write_csv(output)
    pl.concat(quarantine).write_csv(beside)
    if as_json:
        _print_json(report)
    else:
        for fact in report:
            print(
                f"{fact['file']}: landed {fact['landed']} = observations {fact['observations']} + quarantined "
                f"{fact['quarantined']} {fact['quarantine_reasons']} + explained {fact['explained']} "
                f"{fact['explained_reasons']}"
            )
        print(f"observations in {output}, quarantine in {beside}")
    if not observations.height:
        raise PermanentError("no observation came of it; the reasons stand above")


@app.command()
@_plainly
def trace(
    observation: Annotated[str, typer.Argument(help="observation_id of any view in bi")], as_json: Json = False
) -> None:
    """Lead a published figure back to the cell that it came from, and read that cell again.

    A figure that migstats computed is led back to its formula and to the figures that went in.
    """
    from migstats.lineage import trace as lead_back

    facts = lead_back(settings.warehouse_url(), observation)
    if as_json:
        _print_json(facts)
    else:
        for name, value in facts.items():
            for line in value if isinstance(value, list) else [value]:
                print(f"{name:18} {line}")
    if not facts["agrees"] and "inputs" in facts:
        raise PermanentError(f"the formula gives {facts['recomputed']}, stored is {facts['published_value']}")
    if not facts["agrees"]:
        raise PermanentError(f"the place {facts['place']} reads {facts['reread']!r}, stored is {facts['raw']!r}")


@app.command()
@_plainly
def status(as_json: Json = False) -> None:
    """Show what the warehouse holds: the last load of each source."""
    counts = ("snapshots", "landed", "loaded", "unchanged", "quarantined")
    _list("report/load_summary", ("source", "outcome", *counts, "vintage", "release", "at"), as_json=as_json)


@app.command()
@_plainly
def url(role: Annotated[str | None, typer.Option(help="bi_reader for BI tools")] = None) -> None:
    """Print the connection URL of the running warehouse, as psql and BI tools take it; 1 where the demo is stopped."""
    address = role_url(settings.warehouse_url(), role)
    _require_running()
    print(address)


def _require_running() -> None:
    """ConfigurationError where the warehouse is that of a demo which was stopped; of another one nothing is known."""
    from migstats import postgres, services

    state = settings.state()
    ours = not os.environ.get("MIGSTATS_WAREHOUSE") and services.read_record(state) is not None
    if ours and not postgres.is_running(state / "postgres"):
        raise ConfigurationError(f"the warehouse of the demo in {state} does not run; start it with `make demo`")


@app.command()
@_plainly
def setup(admin: Admin = None) -> None:
    """Bring the warehouse to the state of this version: roles, migrations, codelists, sources, views of bi."""
    from migstats import warehouse

    owner = _owner(admin)
    known = passwords()
    made = {role: known.get(role) or secrets.token_urlsafe(24) for role in warehouse.ROLES}
    applied = warehouse.setup(owner, read_sources().values(), made)
    if made != known:
        roles_file().parent.mkdir(parents=True, exist_ok=True)
        roles_file().touch(mode=0o600)
        roles_file().write_text(json.dumps(made), encoding="utf-8")
    print(f"warehouse is set up; migrations applied: {', '.join(applied) or 'none, it was up to date'}")


@app.command()
@_plainly
def pools(
    check_only: Annotated[bool, typer.Option("--check", help="change nothing; 1 where one differs")] = False,
    further: Sources = None,
) -> None:
    """Create or update the pools of Airflow, one per declared host; without its pool a task is never started."""
    from migstats import pools as of_airflow

    wanted = of_airflow.pools(read_sources(further or ()).values())
    if check_only:
        differing = of_airflow.differing(wanted)
        for name, slots in differing.items():
            found = "is missing" if slots is None else f"has {slots} slots"
            print(f"pool {name}: {found}, {wanted[name]} declared", file=sys.stderr)
        if differing:
            raise ConfigurationError(f"{len(differing)} pools differ from the declarations; run `migstats pools`")
        print(f"{len(wanted)} pools are as declared")
        return
    changed = of_airflow.write(wanted)
    print(f"{len(wanted)} pools are as declared; made or changed: {', '.join(changed) or 'none'}")


@app.command()
@_plainly
def fingerprint(as_json: Json = False) -> None:
    """Print a content hash per table of core and bi, independent of order, locale and time of load."""
    from migstats import warehouse

    with warehouse.connect(settings.warehouse_url()) as connection:
        found = warehouse.rows(connection, "report/fingerprint")
    if as_json:
        _print_json(found)
        return
    for row in found:
        print(f"{row['hash']}  {row['rows']:>10}  {row['table']}")


@app.command()
@_plainly
def decisions(as_json: Json = False) -> None:
    """List the candidates that breach the gate and wait for a person."""
    columns = ("candidate_id", "source", "release", "breaches", "judged_at", "expires_at", "run_id")
    _list("report/open_decisions", columns, as_json=as_json)


@app.command()
@_plainly
def decide(
    candidate_id: Annotated[str, typer.Argument(help="as `migstats decisions` lists it")],
    approve: Annotated[bool, typer.Option("--approve/--reject", help="let it pass, or refuse it")],
    reason: Annotated[str, typer.Option(help="why; kept with the vintage")],
    by: Annotated[str, typer.Option(help="who decides")],
) -> None:
    """Approve or reject a candidate that breaches the gate; then clear the task `load` of its run."""
    from migstats import candidate

    verdict: Literal["approved", "rejected"] = "approved" if approve else "rejected"
    decided = candidate.decide(settings.warehouse_url(), candidate_id, verdict=verdict, decided_by=by, reason=reason)
    print(f"candidate {decided.candidate_id} of {decided.source} is {decided.verdict}")


@app.command()
@_plainly
def waive(
    source: str,
    kind: Annotated[str, typer.Option(help="kind of finding, such as coverage")],
    scope: Annotated[str, typer.Option(help="scope of the finding, word for word")],
    reason: Annotated[str, typer.Option(help="why it may pass")],
    author: Annotated[str, typer.Option(help="who answers for it")],
    until: Annotated[dt.datetime, typer.Option(help="UTC; lets nothing pass after that")],
    up_to: Annotated[float | None, typer.Option(min=0, help="size of the finding that may pass at most")] = None,
) -> None:
    """Let one breach of this kind and scope, not larger than the bound, pass once, until it expires."""
    from migstats import candidate

    number = candidate.waive(
        settings.warehouse_url(),
        source=source,
        kind=kind,
        scope=scope,
        author=author,
        reason=reason,
        expires_at=until.replace(tzinfo=dt.UTC),
        up_to=up_to,
    )
    bound = "" if up_to is None else f" up to {up_to:g}"
    print(f"waiver {number}: one {kind} of {source} ({scope}){bound} may pass until {until:%Y-%m-%d %H:%M} UTC")


@app.command()
@_plainly
def alerts(as_json: Json = False) -> None:
    """List what stands against the sources, and until when a silence holds it back."""
    _list("alerts/standing", ("source", "kind", "since", "silent_until", "message"), as_json=as_json)


@app.command()
@_plainly
def silence(
    source: Annotated[str, typer.Argument(help="id of a source; * is the publish of all")],
    kind: Annotated[str, typer.Option(help="kind of alert, such as late; * is all of the source")],
    reason: Annotated[str, typer.Option(help="why nobody has to be told")],
    author: Annotated[str, typer.Option(help="who answers for it")],
    until: Annotated[dt.datetime, typer.Option(help="UTC; what still stands then is told")],
) -> None:
    """Hold alerts of a source back until they expire; a later silence of the same kind takes its place."""
    from migstats import alerts as standing

    number = standing.silence(
        settings.warehouse_url(),
        source,
        kind=kind,
        author=author,
        reason=reason,
        until=until.replace(tzinfo=dt.UTC),
        now=dt.datetime.now(dt.UTC),
    )
    print(f"silence {number}: {kind} of {source} is held back until {until:%Y-%m-%d %H:%M} UTC")


@app.command()
@_plainly
def replay(source: str, as_json: Json = False) -> None:
    """Read the snapshots of a source again with the codes of today, check, gate and load: no download."""
    from migstats import pipeline

    folder = folder_of(source)
    now = dt.datetime.now(dt.UTC)
    counts = pipeline.replay(
        read_source(folder / "source.yaml"),
        folder,
        run_id=_run_id("replay", now),
        url=settings.warehouse_url(),
        today=now.date(),
    )
    if as_json:
        _print_json(asdict(counts))
        return
    print(
        f"{source}: {counts.outcome}, vintage {counts.vintage_id}: {counts.loaded:,} figures loaded, "
        f"{counts.unchanged:,} unchanged, {counts.quarantined:,} quarantined; `migstats publish` brings it to bi"
    )


def _run_id(command: str, now: dt.datetime) -> str:
    """A command as the ledgers name it: otherwise than any DAG, so that it is not taken for a run of Airflow."""
    return f"migstats {command}/{now:%Y-%m-%dT%H:%M:%S.%f}"


@app.command()
@_plainly
def publish(as_json: Json = False) -> None:
    """Check the sources that wait and bring `bi` to those that passed; 1 where one did not."""
    from migstats import ledger, pipeline

    url, now = settings.warehouse_url(), dt.datetime.now(dt.UTC)
    run_id = _run_id("publish", now)
    run = ledger.Run(run_id, "migstats publish", "command", pipeline.code_version())
    attempt = partial(ledger.attempt, url, run, logged=False)
    checked = pipeline.check_waiting(attempt, run_id=run_id, url=url, today=now.date())
    with attempt("*", "publish") as tally:
        done = pipeline.publish(checked, run_id=run_id, url=url, attempt_id=tally.attempt_id)
        if as_json:
            _print_json({**asdict(done), "failed": checked.failed})
        elif done.vintages:
            shown = ", ".join(f"{source} at vintage {vintage}" for source, vintage in done.vintages.items())
            print(f"bi shows {shown}: {done.added:,} rows added, {done.removed:,} removed")
        else:
            print("nothing was published")
        checked.demand()


@app.command()
@_plainly
def rebuild(
    admin: Admin = None,
    workers: Annotated[int, typer.Option(min=1, help="processes that read")] = 1,
) -> None:
    """Drop `core` and `bi` and make them again from the snapshots; no network. Loads wait, readers see no gap."""
    from migstats import pipeline

    owner = _owner(admin)
    done = pipeline.rebuild(url=settings.warehouse_url(), admin=owner, workers=workers)
    for difference in done.differences:
        print(f"other code, other facts: {difference}", file=sys.stderr)
    print(f"{done.loads} loads, {done.vintages} vintages, {done.figures:,} figures made again in {done.seconds:.1f} s")


def _owner(admin: str | None) -> str:
    """URL of the warehouse's owner: given, of MIGSTATS_ADMIN, of the demo of the state folder, else the warehouse's."""
    from migstats import services

    if admin or os.environ.get("MIGSTATS_ADMIN"):
        return admin or os.environ["MIGSTATS_ADMIN"]
    if not os.environ.get("MIGSTATS_WAREHOUSE") and (record := services.read_record(settings.state())):
        return services.warehouse_urls(settings.state(), record)["owner"]
    return settings.warehouse_url()


@app.command()
@_plainly
def backup(
    folder: Annotated[Path, typer.Argument(help="brought up to date, if it holds one")], admin: Admin = None
) -> None:
    """Back up the warehouse and its part of the lake; DAGs may run meanwhile."""
    from migstats import backup as backups

    done = backups.backup(_owner(admin), folder, now=dt.datetime.now(dt.UTC))
    held = done.manifest
    for what, problem in held.absent.items():
        print(f"{what}: {problem} in the lake; it is not in this backup", file=sys.stderr)
    print(
        f"{folder}: {len(held.snapshots)} snapshots, {len(held.facts)} folders of facts, {held.dump.path}; "
        f"{done.files} files with {done.bytes:,} bytes were new"
    )
    if held.absent:
        raise PermanentError(f"{len(held.absent)} things were not whole in the lake; all else is backed up")


@app.command()
@_plainly
def restore(
    folder: Annotated[Path, typer.Argument(help="of a backup")],
    admin: Admin = None,
    replace: Annotated[bool, typer.Option("--replace", help="drop the warehouse that is there")] = False,
) -> None:
    """Bring an empty database and the lake to a backup, and compare the fingerprints. Stop the DAGs before."""
    from migstats import backup as backups

    done = backups.restore(_owner(admin), folder, replace=replace, passwords=passwords())
    print(
        f"restored to {done.manifest.made_at:%Y-%m-%d %H:%M} UTC, and every table is what it was; {done.files} files "
        "of the lake were copied. Now run `migstats setup`, `migstats doctor`, and start the DAGs"
    )


@app.command()
@_plainly
def verify(
    most: Annotated[int | None, typer.Option(min=1, help="only so many, those that waited longest first")] = None,
) -> None:
    """Hold the snapshots of the lake against their hashes; 1 where one is damaged or missing."""
    from migstats import house

    now = dt.datetime.now(dt.UTC)
    done = house.verify(settings.warehouse_url(), most=most, run_id=_run_id("verify", now), now=now)
    for message in done.wrong.values():
        print(message, file=sys.stderr)
    if done.wrong:
        raise PermanentError(f"{len(done.wrong)} of {done.snapshots} snapshots are not what their hash says")
    print(f"{done.snapshots} snapshots with {done.bytes:,} bytes are what their hashes say")


@app.command()
@_plainly
def ages(
    source: Annotated[str, typer.Option(help="source, such as unhcr_demographics")],
    indicator: Annotated[str, typer.Option(help="indicator, such as REFUGEES: a count of persons")],
    scheme: Annotated[str, typer.Option(help="standard bands: broad, child, working_age, five_year")],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV of the figures")],
    split: Annotated[str, typer.Option(help="pro-rata: cut bands that do not nest in proportion to population")] = "",
    population: Annotated[Path | None, typer.Option(help="CSV of the population, instead of the warehouse's")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="cut into whole persons that add up to the figure")] = False,
) -> None:
    """Bring figures of a source to standard age bands: exact sums; what does not nest is refused, or cut on request.

    What is refused stands beside the output, in NAME.refused.csv, with the bands that are in the way.
    """
    from migstats import banded

    if split not in ("", "pro-rata"):
        raise ConfigurationError(f"there is no split {split!r}; there is pro-rata")
    done, refused = banded.figures(
        settings.warehouse_url(),
        source,
        indicator,
        scheme,
        split=bool(split),
        population=population,
        whole=whole,
    )
    done.write_csv(output)
    print(", ".join(f"{n:,} {method}" for method, n in sorted(done["method"].value_counts().rows())) + f"; {output}")
    if not refused.is_empty():
        beside = output.with_suffix(".refused.csv")
        refused.write_csv(beside)
        print(f"{refused.height:,} refused, such as {refused['age'][0]}: {refused['why'][0]}; {beside}")


@app.command()
@_plainly
def tidy(
    airflow: Annotated[bool, typer.Option("--airflow", help="clean the database of Airflow, not the lake")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would go, remove nothing")] = False,
    logs: Annotated[Path | None, typer.Option(help="Airflow's folder of logs of tasks")] = None,
) -> None:
    """Remove what is older than the settings MIGSTATS_KEEP_*_DAYS say: never a snapshot, a fact or a ledger."""
    from migstats import house

    now = dt.datetime.now(dt.UTC)
    if airflow:
        keep = settings.kept_days("runs", 180)
        os.environ.update(_demo_airflow())
        said = house.clean_airflow(keep, now=now, dry_run=dry_run)
        print(said if dry_run else f"runs of more than {keep.days} days ago are no longer in the database of Airflow")
        return
    done = house.tidy(settings.warehouse_url(), house.kept(), now=now, logs=logs, dry_run=dry_run)
    print(
        f"{'would go' if dry_run else 'gone'}: {done.tables} folders of tables, {done.leftovers} files left behind, "
        f"{done.logs} folders of logs, {done.pages} pages of the Data Docs; {done.bytes:,} bytes"
    )


@app.command()
@_plainly
def doctor(admin: Admin = None) -> None:
    """Look for contradictions in our own state, drift of the schema, wrong versions, pools; 1 where one is found."""
    from migstats import doctor as looks

    os.environ.update(_demo_airflow())
    found = 0
    for finding in (*looks.findings(settings.warehouse_url(), admin=_owner(admin)), *looks.of_airflow()):
        print(finding)
        found += 1
    if found:
        raise PermanentError(f"{found} findings; docs/operations.md says more of each")
    print("nothing is wrong")


def _demo_airflow() -> Mapping[str, str]:
    """The settings of the demo's Airflow, where none is named and a demo was set up in the state folder."""
    from migstats import services

    if os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN") or os.environ.get("AIRFLOW_HOME"):
        return {}
    record = services.read_record(settings.state())
    named = services.environment(settings.state(), record) if record else {}
    return {name: value for name, value in named.items() if name.startswith("AIRFLOW")}


@app.command()
@_plainly
def watchdog(
    seconds: Annotated[int, typer.Option(min=1, help="a query of bi_reader may run so long")] = 120,
    every: Annotated[float, typer.Option(min=0.1, help="seconds between looks")] = 5,
    once: Annotated[bool, typer.Option(help="look once and stop")] = False,
) -> None:
    """End queries of the BI role that run too long, and put back what it changed of itself (settings, password).

    A role can undo its own time limits and change its own password; this one it cannot stop.
    """
    from migstats import warehouse

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    log = logging.getLogger("migstats.watchdog")
    mine = role_url(settings.warehouse_url(), "migstats_watchdog")
    while True:
        try:
            with warehouse.connect(mine, autocommit=True) as connection:
                for row in warehouse.rows(connection, "report/long_queries", {"seconds": seconds}):
                    log.warning(
                        "ended a query of %s after %s s (backend %s)", row["usename"], row["seconds"], row["pid"]
                    )
                reader = role_url(settings.warehouse_url(), "bi_reader")
                for changed in warehouse.hold_reader(connection, reader, passwords()["bi_reader"]):
                    log.warning("bi_reader had changed its %s; put back", changed)
        except MigstatsError as error:
            if once:
                raise
            log.error("%s", error)
        if once:
            return
        time.sleep(every)


@app.command()
@_plainly
def datamodel(output: Annotated[Path | None, typer.Option("--output", "-o")] = None) -> None:
    """Print the data model of the warehouse from its comments (docs/data-model.md)."""
    from migstats.datamodel import data_model

    text = data_model(settings.warehouse_url())
    _put(text, output)


@app.command(name="dashboards")
@_plainly
def write_dashboards(
    output: Annotated[Path, typer.Option("--output", "-o", help="ZIP to write; it holds the password of bi_reader")],
) -> None:
    """Write the bundle of dashboards that a Superset of yours imports; `make superset` starts one."""
    from migstats.dashboards import bundle, read_dashboards, write, zipped

    uri = role_url(settings.warehouse_url(), "bi_reader").replace("postgresql://", "postgresql+psycopg2://", 1)
    write(output, zipped(bundle(read_dashboards(), uri)))


@app.command()
@_plainly
def profile(
    countries: Annotated[
        list[str] | None, typer.Argument(help="ISO 3166-1 alpha-3; none: those of the programme")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="folder; default: that of the Data Docs")
    ] = None,
) -> None:
    """Write a page per country: what is published of it, in charts and tables, each figure with its source."""
    from migstats import profile as profiles

    url = role_url(settings.warehouse_url(), "bi_reader")
    areas = [country.upper() for country in countries or profiles.programme(url)]
    for page in profiles.write_profiles(url, areas, output or settings.data_docs(), now=dt.datetime.now(dt.UTC)):
        print(page)


@app.command(name="schema")
@_plainly
def json_schema(
    output: Annotated[Path | None, typer.Option("--output", "-o")] = None,
    awaited: Annotated[bool, typer.Option("--awaited", help="that of include/awaited.yaml")] = False,
) -> None:
    """Print the JSON Schema of source.yaml (docs/source.schema.json)."""
    from migstats.checks import awaited_schema, source_schema

    _put(awaited_schema() if awaited else source_schema(), output)


app.add_typer(commands.app)
app.add_typer(export_commands.app)
app.add_typer(upload_commands.app, name="upload")
app.add_typer(portal_commands.app, name="portal")


def main() -> None:
    """Entry point of the console script."""
    app()

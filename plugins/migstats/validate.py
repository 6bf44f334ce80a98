"""Validation: suites in JSON, and Great Expectations, which judges frames by them."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from migstats.codelists import Folders, names_of, read_codelist
from migstats.errors import DeclarationError, ValidationFailedError
from migstats.frames import FREE, Sum
from migstats.observation import SERIES_DIMENSIONS

if TYPE_CHECKING:
    import pandas as pd

#: What each severity does: critical stops the load, warning is shown, info is recorded.
SEVERITIES: Final = ("critical", "warning", "info")

#: Rows of a frame that a judgement shows.
SHOWN: Final = 20

#: Columns of a frame that say which row it is; shown beside what failed.
CONTEXT: Final = (
    *("dataset", "slice", "indicator", "unit", "obs_status", "key", "ref_area", "counterpart_area"),
    *("time_period", "about", "n"),
    *("value_min", "value_max"),
)

#: Suites that every source has to obey; beside them stands one per source, named for it.
SHARED_SUITES: Final = ("landed", "observation", "warehouse")


# -- suites -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """One expectation of a suite: what it asks, what happens when it fails, and why it is there."""

    id: str
    expectation: str
    column: str
    severity: str
    reason: str
    owner: str
    #: Column of the frame that holds the place of what failed.
    place: str = "place"
    #: An empty frame, or a column without a value, is no fault of this rule's.
    may_be_empty: bool = False


@dataclass(frozen=True)
class Suite:
    """A suite as it stands in its file, checked; `rules` is in the order of the file."""

    name: str
    rules: tuple[Rule, ...]
    sums: Mapping[str, Sum]
    parameters: frozenset[str]
    text: str


def read_suite(folder: Path, name: str) -> Suite:
    """Read and check `<folder>/<name>.json`. DeclarationError gathers every finding, with its rule.

    Great Expectations is not asked here; what only it knows (names and arguments of expectations) shows when a
    suite is judged, and in the project's tests.
    """
    path = folder / f"{name}.json"
    try:
        text = path.read_text(encoding="utf-8")
        facts = json.loads(text)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DeclarationError(
            f"{path}: the suite cannot be read: {error}; restore the file, an absent suite is a failure"
        ) from error
    found: list[str] = []
    expectations = facts.get("expectations") if isinstance(facts, dict) else None
    if not isinstance(expectations, list) or not expectations:
        raise DeclarationError(f"{path}: the suite holds no expectation; 0 expectations evaluated is a failure")
    if facts.get("name") != name:
        found.append(f"name: found {facts.get('name')!r}, expected {name!r}")
    rules = [_rule(number, e, found) for number, e in enumerate(expectations, start=1)]
    ids = [r.id for r in rules]
    found += [f"the id {i!r} stands twice" for i in sorted({i for i in ids if ids.count(i) > 1})]
    sums = _sums(facts.get("meta"), found)
    if found:
        raise DeclarationError("\n".join(f"{path}: {f}; mend the suite" for f in found))
    parameters = frozenset(re.findall(r'"\$PARAMETER"\s*:\s*"([^"]+)"', text))
    return Suite(name, tuple(rules), sums, parameters, text)


def _rule(number: int, facts: object, found: list[str]) -> Rule:
    if not isinstance(facts, dict):
        found.append(f"expectation {number} is not an object")
        return Rule(f"#{number}", "", "", "critical", "", "")
    facts = cast(dict[str, Any], facts)
    meta, kwargs = facts.get("meta"), facts.get("kwargs")
    meta, kwargs = (meta if isinstance(meta, dict) else {}), (kwargs if isinstance(kwargs, dict) else {})
    name = str(meta.get("id") or f"#{number}")
    for key in ("id", "reason", "owner"):
        if not isinstance(meta.get(key), str) or not meta[key].strip():
            found.append(f"expectation {name}: meta.{key} is missing")
    if not isinstance(facts.get("type"), str):
        found.append(f"expectation {name}: type is missing")
    if facts.get("severity") not in SEVERITIES:
        found.append(f"expectation {name}: severity: found {facts.get('severity')!r}, expected {', '.join(SEVERITIES)}")
    columns = [kwargs[k] for k in ("column", "column_A", "column_B") if isinstance(kwargs.get(k), str)]
    return Rule(
        id=name,
        expectation=str(facts.get("type", "")),
        column=", ".join(columns or kwargs.get("column_list", [])),
        severity=str(facts.get("severity", "")),
        reason=str(meta.get("reason", "")),
        owner=str(meta.get("owner", "")),
        place=str(meta.get("place", "place")),
        may_be_empty=meta.get("may_be_empty") is True,
    )


def _sums(meta: object, found: list[str]) -> dict[str, Sum]:
    declared = meta.get("sums", {}) if isinstance(meta, dict) else {}
    sums: dict[str, Sum] = {}
    for name, facts in declared.items():
        try:
            found_sum = Sum(facts["axis"], facts["total"], tuple(facts["parts"]), tuple(facts.get("obs_status", ())))
        except (KeyError, TypeError, AttributeError):
            found.append(f"meta.sums.{name}: expected axis, total and parts, found {facts!r}")
            continue
        if found_sum.axis not in SERIES_DIMENSIONS or len(found_sum.parts) < 2:
            found.append(f"meta.sums.{name}: axis {found_sum.axis!r} is no dimension, or fewer than two parts")
        sums[name] = found_sum
    return sums


def read_suites(folder: Path) -> dict[str, Suite]:
    """Every suite of a folder by name. DeclarationError gathers the findings of all, and a shared one missing."""
    suites: dict[str, Suite] = {}
    found: list[str] = []
    for name in sorted({*SHARED_SUITES, *(p.stem for p in folder.glob("*.json"))}):
        try:
            suites[name] = read_suite(folder, name)
        except DeclarationError as error:
            found.append(str(error))
    if found:
        raise DeclarationError("\n".join(found))
    return suites


def parameters(
    codelists: Folders, *, today: dt.date, quarantine_bound: float, least_facts: int = 1
) -> dict[str, object]:
    """What suites ask for at run time with `$PARAMETER`: the codes of each codelist, and the run's own bounds.

    One parameter per codelist, named for it, holds its codes; beside them `area_kind` (kinds of areas), `max_year`
    (the year of the run + 1), `quarantine_bound` (a share, 0 to 1) and `least_facts` (of a source in the warehouse).
    """
    codes: dict[str, object] = {name: sorted(read_codelist(codelists, name).rows) for name in names_of(codelists)}
    kinds = sorted(set(read_codelist(codelists, "area").column("kind").values()))
    bounds = {"max_year": today.year + 1, "quarantine_bound": quarantine_bound, "least_facts": least_facts}
    return {**codes, "area_kind": kinds, **bounds}


# -- judging ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judgement:
    """What one expectation said of one frame. Counts are rows of the frame, `failing` examples of them."""

    suite: str
    source: str
    rule: str
    expectation: str
    column: str
    #: As declared; `critical` where the expectation could not be judged at all.
    severity: str
    success: bool
    evaluated: int
    unexpected: int
    reason: str
    owner: str
    #: Short texts of rows that failed, with their place; at most SHOWN, and no confidential value.
    failing: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """The judgements of a run, in the order of the suites and of their files."""

    judgements: tuple[Judgement, ...]

    @property
    def stopped(self) -> tuple[Judgement, ...]:
        """The critical ones that failed: the load must not go on."""
        return tuple(j for j in self.judgements if not j.success and j.severity == "critical")

    @property
    def warned(self) -> tuple[Judgement, ...]:
        """The others that failed: shown or recorded, the load goes on."""
        return tuple(j for j in self.judgements if not j.success and j.severity != "critical")


def judge(
    frames: Mapping[str, pd.DataFrame],
    suites: Path,
    source: str,
    parameters: Mapping[str, object] | None = None,
) -> Report:
    """Judge frames (suite name → frame) by the suites of a folder, with Great Expectations.

    The parameter `source` is known here; `parameters()` makes the others.

    Raises ValidationFailedError where there is nothing to judge by: no frame, a suite that is missing, empty or
    malformed (its severities too), a parameter that nobody gave. Everything that goes wrong within one expectation
    (an exception, a column that is not there, not one element to judge while `meta.may_be_empty` is not true) is a
    failed judgement of severity `critical`, whatever the suite declares.
    """
    if not frames:
        raise ValidationFailedError(
            f"source {source}: 0 expectations evaluated, since no frame was given; judge at least one suite"
        )
    given = {"source": [source], **(parameters or {})}
    judgements: list[Judgement] = []
    for name, frame in frames.items():
        try:
            suite = read_suite(suites, name)
        except DeclarationError as error:
            raise ValidationFailedError(f"source {source}: 0 expectations evaluated: {error}") from error
        missing = suite.parameters - set(given)
        if missing:
            raise ValidationFailedError(
                f"source {source}: suite {name} asks for the parameters {sorted(missing)}, which were not given; "
                "add the codelist, or mend the name in the suite"
            )
        judgements += _judge(frame, suite, source, given)
    return Report(tuple(judgements))


def demand(report: Report) -> None:
    """Raise ValidationFailedError where a critical expectation failed; its message leads to the figures."""
    stopped = report.stopped
    if not report.judgements:
        raise ValidationFailedError("0 expectations evaluated; nothing may be loaded unjudged")
    if not stopped:
        return
    lines = [
        f"source {stopped[0].source}: {len(stopped)} critical expectation(s) of {len(report.judgements)} failed; "
        "nothing was accepted, what is published stays as it is"
    ]
    for j in stopped:
        lines.append(
            f"- {j.suite}/{j.rule}: {j.expectation} on {j.column or 'the frame'}: {j.unexpected} of {j.evaluated} "
            f"failed. Why it is there: {j.reason}"
        )
        lines += [f"    {text}" for text in j.failing[:3]]
        if len(j.failing) > 3:
            lines.append(f"    ... {len(j.failing) - 3} more in ops.validation_result")
    lines.append(
        "What to do: look at the places named; where the publisher is wrong, add a correction with evidence; where "
        "our mapping is, mend codes.csv or source.yaml; where the bound is, ask the owner that the suite names; "
        "then run again"
    )
    raise ValidationFailedError("\n".join(lines))


def _judge(frame: pd.DataFrame, suite: Suite, source: str, given: Mapping[str, object]) -> list[Judgement]:
    import logging

    import great_expectations as gx

    # Its INFO lines would bury the run's own in a task's log. (Its import sets a level of its own.)
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    facts = json.loads(suite.text)
    for expectation, rule in zip(facts["expectations"], suite.rules, strict=True):
        expectation["meta"] = {"id": rule.id}
    try:
        loaded = gx.ExpectationSuite(**facts)
    except (ValueError, TypeError, gx.exceptions.GreatExpectationsError) as error:
        raise ValidationFailedError(
            f"source {source}: Great Expectations refuses the suite {suite.name}: {error}; mend "
            f"expectations/{suite.name}.json"
        ) from error
    # It logs what it cannot make an expectation of, and goes on without it.
    dropped = {rule.id for rule in suite.rules} - {e.meta["id"] for e in loaded.expectations}
    if dropped:
        raise ValidationFailedError(
            f"source {source}: Great Expectations refuses {sorted(dropped)} of the suite {suite.name}: no such "
            f"expectation, or wrong arguments; mend expectations/{suite.name}.json"
        )
    wanted = {name: given[name] for name in suite.parameters}
    # Great Expectations takes rows of the whole frame again and again: two blocks, and not one for each text column.
    narrow = frame[_judged(frame, suite)]
    as_objects: dict[Any, Any] = {name: object for name, kind in narrow.dtypes.items() if kind == "str"}
    narrow = narrow.astype(as_objects).copy()
    first = _validate(narrow, loaded, "BASIC", wanted)
    failed = [rule.id for rule in suite.rules if not first[rule.id].success]
    rows: dict[str, Any] = {}
    if failed:
        # Rows are asked for only when something failed: finding them costs several times the judging.
        again = {**facts, "expectations": [e for e in facts["expectations"] if e["meta"]["id"] in failed]}
        rows = _validate(narrow, gx.ExpectationSuite(**again), "COMPLETE", wanted)
    return [_judgement(suite, source, rule, first[rule.id], rows.get(rule.id), frame) for rule in suite.rules]


def _judged(frame: pd.DataFrame, suite: Suite) -> list[str]:
    """The columns that a suite names (in arguments or row conditions): Great Expectations copies all it is given."""
    return [c for c in frame.columns if re.search(rf"\b{re.escape(str(c))}\b", suite.text)]


def _validate(frame: pd.DataFrame, suite: Any, result_format: str, given: Mapping[str, object]) -> dict[str, Any]:
    """Results by the rule's id, from an ephemeral context: nothing is written, parallel runs share nothing."""
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("frames").add_dataframe_asset(suite.name)
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    result = batch.validate(
        suite, result_format={"result_format": result_format}, expectation_parameters=dict(given) or None
    )
    return {r.expectation_config.meta["id"]: r for r in result.results}


def _judgement(suite: Suite, source: str, rule: Rule, result: Any, rows: Any, frame: pd.DataFrame) -> Judgement:
    facts = result.result or {}
    element_count = int(facts.get("element_count", len(frame)))
    evaluated = element_count - int(facts.get("missing_count") or 0)
    failed = Judgement(
        suite=suite.name,
        source=source,
        rule=rule.id,
        expectation=rule.expectation,
        column=rule.column,
        severity=rule.severity,
        success=False,
        evaluated=evaluated,
        unexpected=int(facts.get("unexpected_count", 1)),
        reason=rule.reason,
        owner=rule.owner,
        failing=(),
    )
    absent = [c for c in rule.column.split(", ") if c and c not in frame.columns]
    if absent:
        text = f"the column {', '.join(absent)} is not in the frame {suite.name}; it has {', '.join(frame.columns)}"
        return replace(failed, severity="critical", evaluated=0, unexpected=1, failing=(text,))
    raised = _raised(result.exception_info)
    if raised:
        return replace(failed, severity="critical", evaluated=0, unexpected=1, failing=(f"exception: {raised}",))
    if evaluated == 0:
        if rule.may_be_empty:
            return replace(failed, success=True, unexpected=0)
        text = f"0 elements evaluated: {rule.column or 'the frame'} holds no value in {len(frame)} rows"
        return replace(failed, severity="critical", unexpected=1, failing=(text,))
    if result.success:
        return replace(failed, success=True, unexpected=int(facts.get("unexpected_count") or 0))
    complete = (rows.result if rows is not None else None) or {}
    indices = complete.get("unexpected_index_list") or []
    texts = tuple(_row_text(frame, int(i), rule) for i in indices[:SHOWN])
    if not texts:
        texts = _without_rows(complete or facts, rule, frame)
    return replace(failed, unexpected=max(failed.unexpected, 1), failing=texts)


def _raised(info: Any) -> str:
    """The message of an exception within an expectation, '' where there was none (GX nests them by metric)."""
    if not info:
        return ""
    found = [info] if "raised_exception" in info else list(info.values())
    return "; ".join(sorted({str(i.get("exception_message")).strip() for i in found if i.get("raised_exception")}))


def _row_text(frame: pd.DataFrame, position: int, rule: Rule) -> str:
    """`column=value ... at place`; only the place where the row is confidential."""
    import pandas as pd

    row = frame.iloc[position]
    shown = {str(name): cell for name, cell in row.items() if pd.notna(cell) and cell != ""}
    place = shown.get(rule.place) or shown.get("place") or f"row {position + 1} of the frame"
    if shown.get("conf_status", FREE) != FREE:
        return f"confidential, at {place}"
    asked = rule.column.split(", ")
    names = [*asked, *(name for name in CONTEXT if name not in asked)]
    cells = [f"{name}={_short(shown[name])}" for name in names if name in shown]
    return f"{' '.join(cells)} at {place}"


def _short(cell: object) -> str:
    if isinstance(cell, float):
        return f"{int(cell)}" if cell.is_integer() and abs(cell) < 1e15 else repr(float(cell))
    text = str(cell)
    return text if len(text) <= 120 else text[:117] + "..."


def _without_rows(facts: Mapping[str, Any], rule: Rule, frame: pd.DataFrame) -> tuple[str, ...]:
    """What an expectation on a whole column or frame observed; the first place stands for where to look."""
    seen = facts.get("observed_value")
    if seen is None and rule.column in frame.columns:
        seen = ", ".join(sorted(str(v) for v in frame[rule.column].dropna().unique()[:SHOWN]))
    places = frame[rule.place].dropna() if rule.place in frame.columns else ()
    where: Sequence[Any] = list(places[:1]) or ["an empty frame"]
    return (f"observed {_short(seen)} over {len(frame)} rows, from {where[0]}",)

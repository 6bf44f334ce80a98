"""What the gate goes by: thresholds with an owner and a reason, golden figures, and what it knows of our codelists."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from migstats.codelists import Folders, read_codelist, read_csv
from migstats.errors import DeclarationError
from migstats.observation import DEFAULTS, SERIES_DIMENSIONS
from migstats.subdivisions import Subdivisions

Severity = Literal["breach", "notice"]

#: What a finding may be about; waivers name one of them.
KINDS: Final = (
    "deleted",
    "changed",
    "added",
    "coverage",
    "missing",
    "jump",
    "scale",
    "sign",
    "zero",
    "time_shift",
    "golden",
    "additivity",
    "conservation",
    "anomaly",
    "label",
    "field",
    "approval",
)

#: The kind of finding that no waiver lets pass: what countries send is approved by a person each time.
APPROVAL: Final = "approval"

#: Kinds whose findings need not have a size: a golden figure that is there or is not.
UNMEASURED: Final = frozenset({"golden"})

#: The scope under which the findings beyond `most_findings` are counted.
THE_REST: Final = "the rest"

#: Columns of golden.csv beside the dimensions; `why` it stands for others, since `reason` is a dimension.
_GOLDEN: Final = (
    *("file", "place", "raw", "dataset", "release", "time_period", "value", "obs_status", "concept_basis"),
    *("owner", "why"),
)


class Limit(BaseModel):
    """A threshold, who answers for it, and why it is what it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: float = Field(ge=0, allow_inf_nan=False)
    owner: str = Field(min_length=1)
    reason: str = Field(min_length=10)


class Policy(BaseModel):
    """Indicators that something is asked of, who decided so, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    indicators: tuple[str, ...] = Field(min_length=1)
    owner: str = Field(min_length=1)
    reason: str = Field(min_length=10)


class Demand(BaseModel):
    """That every change of a source is approved by a person: who decided so, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: str = Field(min_length=1)
    reason: str = Field(min_length=10)


def _limit(limit: float, reason: str) -> Limit:
    return Limit(limit=limit, owner="migration statisticians", reason=reason)


class Rules(BaseModel):
    """`gate.yaml` of a source: what differs from the defaults, which suit a source that revises little."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    deleted_share: Limit = _limit(0.02, "publishers correct, but they do not withdraw one figure in fifty")
    series_lost: Limit = _limit(0, "a series that ends takes its whole past along: somebody has to know why")
    changed_share: Limit = _limit(0.5, "a routine update leaves most of the past as it was")
    added_share: Limit = _limit(1.0, "an update that more than doubles a source is another source")
    missing_share: Limit = _limit(0.02, "figures that turn into none are withdrawn, or were not read")
    coverage_lost: Limit = _limit(0, "no area, period or breakdown leaves a source, or an area in it, in silence")
    jump_deviations: Limit = _limit(8, "robust standard deviations; one series in many thousands is beyond by chance")
    jump_factor: Limit = _limit(3, "a figure that is less than three times the other is no jump, however calm the rest")
    jump_floor: Limit = _limit(1000, "of small figures every change is large in per cent")
    jumped_share: Limit = _limit(0.2, "single figures jump; a fifth of a block that does has another unit or meaning")
    pattern_floor: Limit = _limit(10, "of figures below ten a power of ten, a zero or a neighbour's value is chance")
    scaled_share: Limit = _limit(0.5, "figures of a series that are a power of ten off together have another unit")
    zeroed_share: Limit = _limit(0.5, "figures of a series that are nought together were not counted, or not read")
    shifted_share: Limit = _limit(0.5, "figures of a neighbouring period for half of a series are a shifted column")
    flipped_share: Limit = _limit(0.5, "a series whose signs turned round was defined the other way round")
    rounding: Limit = _limit(1, "figures are published as whole numbers, so each part may be off by one")
    rounding_share: Limit = _limit(0.0005, "publishers round large totals apart from their parts")
    incoherent_share: Limit = _limit(0.01, "some published totals do not add up; more than one in a hundred is ours")
    newly_incoherent: Limit = _limit(0, "a total that added up and does not any more has lost a part, or gained one")
    covered_share: Limit = _limit(0.85, "of a total; where more than a seventh is in no part, parts are a selection")
    residual_share: Limit = _limit(0.005, "of a total; what its parts leave out hardly moves when they are revised")
    anomaly_factor: Limit = _limit(10, "from one period to the next; what grows or falls tenfold is looked at")
    anomaly_deviations: Limit = _limit(8, "robust standard deviations of the series' own steps; a wild one is let be")
    label_likeness: Limit = _limit(0.5, "another spelling keeps half of its letters; another meaning seldom does")
    most_findings: Limit = _limit(25, "of one kind; what a person can look through")
    self_corridors: Policy | None = None
    approval: Demand | None = None


@dataclass(frozen=True)
class Golden:
    """A figure that is known to be right: a candidate of its release that says otherwise was read wrongly."""

    key: tuple[tuple[str, str], ...]
    release: str
    time_period: str
    value: float | None
    #: File and place of the publication that it was taken from.
    cited: str = ""
    owner: str = ""
    why: str = ""


@dataclass(frozen=True)
class Lists:
    """What the gate knows of our codelists."""

    #: code, kind of an area.
    areas: pl.DataFrame
    #: code, min_age, max_age (null: open) of an age band.
    ages: pl.DataFrame
    #: Indicators whose figures add up: persons and amounts, no shares.
    additive: frozenset[str]
    #: Parts of countries, and what they lie in.
    units: Subdivisions


@dataclass(frozen=True)
class Finding:
    """What the gate found. Waivers go by `kind` and `scope`, and let nothing larger than their bound pass.

    `size` grows with the gravity of what was found: a share, a factor, or a number of figures or units.
    """

    kind: str
    severity: Severity
    scope: str
    found: str
    limit: str
    message: str
    place: str = ""
    time_period: str = ""
    was: float | None = None
    now: float | None = None
    size: float | None = None


def read_rules(folder: Path) -> Rules:
    """`gate.yaml` of a source folder; the defaults where there is none.

    DeclarationError names file, line, field and remedy of every wrong rule, one line each.
    """
    path = folder / "gate.yaml"
    if not path.is_file():
        return Rules()
    try:
        text = path.read_text(encoding="utf-8")
        facts, node = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise DeclarationError(f"{path}: cannot be read as YAML: {error}; mend the line named") from error
    lines = dict(_lines(node, ()))
    wrong = [f"{path}: line {line}: {name} stands twice; remove one" for name, line in _twice(node)]
    try:
        rules = Rules.model_validate(facts or {})
    except ValidationError as error:
        wrong += [f"{path}: {_said(problem['loc'], problem['msg'], lines)}" for problem in error.errors()]
    if wrong:
        raise DeclarationError("\n".join(wrong))
    return rules


def _lines(node: yaml.Node | None, above: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """The line of every field, by its path."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            path = (*above, str(key.value))
            yield path, key.start_mark.line + 1
            yield from _lines(value, path)


def _twice(node: yaml.Node | None) -> Iterator[tuple[str, int]]:
    seen: set[str] = set()
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if str(key.value) in seen:
                yield str(key.value), key.start_mark.line + 1
            seen.add(str(key.value))
            yield from _twice(value)


def _said(loc: tuple[str | int, ...], message: str, lines: Mapping[tuple[str | int, ...], int]) -> str:
    at = next((lines[loc[:n]] for n in range(len(loc), 0, -1) if loc[:n] in lines), 1)
    field = ".".join(str(part) for part in loc) or "(the whole file)"
    if len(loc) == 1 and loc[0] not in Rules.model_fields:
        remedy = f"the rules are {', '.join(Rules.model_fields)}"
    elif loc[:1] == ("self_corridors",):
        remedy = "it has indicators, owner and a reason of ten letters or more"
    elif loc[:1] == (APPROVAL,):
        remedy = "it has owner and a reason of ten letters or more"
    else:
        remedy = "a rule has limit (nought or more), owner and a reason of ten letters or more"
    return f"line {at}: {field}: {message}; {remedy}"


def read_golden(folder: Path) -> tuple[Golden, ...]:
    """`golden.csv` of a source folder; none where there is no such file.

    DeclarationError names file, line, column and remedy of every wrong figure, one line each.
    """
    path = folder / "golden.csv"
    if not path.is_file():
        return ()
    rows = read_csv(path)
    columns = set(rows[0]) if rows else set(_GOLDEN) | {"indicator", "ref_area"}
    wrong = []
    if missing := {*_GOLDEN, "indicator", "ref_area"} - columns:
        wrong.append(f"{path}: line 1: the columns {', '.join(sorted(missing))} are missing; add them")
    if unknown := columns - {*_GOLDEN, *SERIES_DIMENSIONS}:
        wrong.append(
            f"{path}: line 1: the columns {', '.join(sorted(unknown))} are unknown; there are "
            f"{', '.join([*_GOLDEN, *SERIES_DIMENSIONS])}"
        )
    if wrong:
        raise DeclarationError("\n".join(wrong))
    golden = []
    for number, row in enumerate(rows, start=2):
        found = [*_of_golden(row)]
        wrong += [f"{path}: line {number}: {finding}" for finding in found]
        if not found:
            golden.append(_golden(row))
    if wrong:
        raise DeclarationError("\n".join(wrong))
    return tuple(golden)


def _of_golden(row: Mapping[str, str]) -> Iterator[str]:
    if row["value"] and _number(row["value"]) is None:
        yield f"value {row['value']!r} is no figure; write digits with a point, or nothing where there is none"
    for column in ("indicator", "ref_area", "time_period", "file", "place", "owner"):
        if not row[column]:
            yield f"{column} is empty; say it"
    if len(row["why"]) < 10:
        yield f"why {row['why']!r} is too short; say in ten letters or more why this figure stands for others"


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _golden(row: Mapping[str, str]) -> Golden:
    return Golden(
        key=tuple((d, row[d]) for d in SERIES_DIMENSIONS if row.get(d)),
        release=row["release"],
        time_period=row["time_period"],
        value=_number(row["value"]),
        cited=f"{row['file']} {row['place']}",
        owner=row["owner"],
        why=row["why"],
    )


def read_lists(concepts: Folders) -> Lists:
    """The codelists that the gate goes by."""
    areas = read_codelist(concepts, "area").rows
    ages = read_codelist(concepts, "age").rows
    indicators = read_codelist(concepts, "indicator").rows
    bands = [
        (code, int(row["min_age"]), int(row["max_age"]) if row["max_age"] else None)
        for code, row in ages.items()
        if row["min_age"] and code != "_T"
    ]
    return Lists(
        areas=pl.DataFrame({"code": list(areas), "kind": [row["kind"] for row in areas.values()]}),
        ages=pl.DataFrame(bands, schema={"code": pl.String, "min_age": pl.Int64, "max_age": pl.Int64}, orient="row"),
        additive=frozenset(code for code, row in indicators.items() if row["unit"] in ("PS", "USD", "NUMBER")),
        units=Subdivisions.read(concepts),
    )


def place(columns: tuple[str, ...] = SERIES_DIMENSIONS) -> pl.Expr:
    """A series in words: the dimensions that are not at their default."""
    parts = [
        pl.when(pl.col(d) == DEFAULTS.get(d, "")).then(pl.lit("")).otherwise(pl.format(f"{d}={{}} ", pl.col(d)))
        for d in columns
        if d != "source"
    ]
    return pl.concat_str(parts).str.strip_chars()


def the_rest(kind: str, breaches: pl.Series) -> Iterator[Finding]:
    """Findings that are counted and not told: one for them all, where there is any; `breaches` says which are."""
    if len(breaches):
        grave: Severity = "breach" if breaches.any() else "notice"
        n = len(breaches)
        yield Finding(kind, grave, THE_REST, str(n), "", f"{n:,} more of kind {kind}", size=n)

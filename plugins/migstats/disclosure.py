"""Disclosure control: what of a source's figures is published, so that no reader can work out a hidden one.

Tables in, tables out. What the policy of a source says is hidden or rounded, then further figures are hidden until an
attacker with a linear programme learns nothing of it (`hiding`), from this vintage and the last one together.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from migstats import hiding, rounding
from migstats.additive import ADDED_ALONG, KEYS, TOTAL, Bools, Facts, Floats, Share, Sums, build, unpublished
from migstats.codelists import Folders, read_codelist
from migstats.hypercube import WHOLE, Places
from migstats.source import Disclosure
from migstats.subdivisions import told_apart

#: SDMX CL_CONF_STATUS of figures that their sender does not want published.
NOT_FOR_PUBLICATION: Final = ("C", "N", "D", "S")

PERSONS: Final = "PS"

#: Units of figures that add up.
ADDITIVE: Final = (PERSONS, "NUMBER", "CASES", "USD")

#: What must remain possible of a figure that its sender hid, as a share of it.
_OF_SENDER: Final = 0.1

#: What figures of one table have in common.
_WHERE: Final = ("ref_area", "time_period")

#: Hidden figures that say something of each other, up to which it is tried to tell the small ones from the others.
_TOLD_APART: Final = 40

#: C a small figure, or one that its sender hid; D hidden so that no C can be worked out; R rounded.
HIDDEN, BESIDE, ROUNDED = "C", "D", "R"

#: Columns of the figures of a source, beside those of `additive.KEYS` without `state`.
FIGURE: Final = ("observation_id", "vintage", "value", "obs_status", "conf_status")
#: Columns of the figures that were published last, beside those: what was shown, and why a figure was not.
LAST: Final = ("kind", "told", "shown")

#: Of a count that only a share tells: that it is one, and what it is at least and at most.
_IMPLIED: Final = ("implied", "least", "most")

_RESULT: Final = {
    "observation_id": pl.String,
    "vintage": pl.Int64,
    "kind": pl.String,
    "conf_status": pl.String,
    "told": pl.Boolean,
    "shown": pl.Float64,
}


@dataclass(frozen=True)
class Disclosed:
    """What becomes of the figures of a source that are not published as they are."""

    #: observation_id, vintage, kind (C, D, R), conf_status, told (C and D are told apart), shown (null: hidden).
    changes: pl.DataFrame
    #: Figures that were looked at.
    cells: int
    #: Hidden figures of which an attacker could learn more than the policy allows; 0 but for what was published before.
    #: None: nothing changed, so as many as there were.
    exposed: int | None = None

    def count(self, kind: str) -> int:
        """How many figures are hidden or rounded for this reason."""
        return self.changes.filter(pl.col("kind") == kind).height


def fingerprint(policy: Disclosure) -> str:
    """Hash of a policy: what was hidden by another one says nothing of what is hidden by this one."""
    return sha256(policy.model_dump_json().encode()).hexdigest()[:16]


def disclose(figures: pl.DataFrame, policy: Disclosure, facts: Facts, last: pl.DataFrame | None = None) -> Disclosed:
    """Hide and round the figures of one source. `last`: what is published of it now under the same policy."""
    figures = figures.with_columns(pl.col("vintage").cast(pl.Int64), pl.col("value").cast(pl.Float64))
    if last is not None and _is_same(figures, last):
        return Disclosed(_as_it_was(figures, last), figures.height)
    shares = _shares(figures, facts)
    now = _with_implied(figures, shares)
    last_seen = None if last is None else _with_implied(last, _shares(last, facts))
    hidden: dict[str, tuple[str, str, bool]] = {}
    exposed: dict[str, int] = {}
    for unit in ADDITIVE:
        of_unit = now.filter(pl.col("unit") == unit)
        before = None if last_seen is None else last_seen.filter(pl.col("unit") == unit)
        found, exposed[unit] = _of_unit(of_unit, before, policy, facts)
        hidden |= found
    rows: list[tuple[str, int, str, str, bool, float | None]] = [
        (row["observation_id"], row["vintage"], *hidden[row["observation_id"]], None)
        for row in figures.filter(pl.col("value").is_not_null()).iter_rows(named=True)
        if row["observation_id"] in hidden
    ]
    taken = {row[0] for row in rows}
    flagged = figures.filter(
        pl.col("conf_status").is_in(NOT_FOR_PUBLICATION)
        & pl.col("value").is_not_null()
        & ~pl.col("observation_id").is_in(list(taken))
    )
    rows += [
        (i, v, HIDDEN, conf, False, None)
        for i, v, conf in flagged.select("observation_id", "vintage", "conf_status").iter_rows()
    ]
    taken |= {row[0] for row in rows}
    rounded: dict[str, float] = {}
    unround: frozenset[str] = frozenset()
    if policy.policy == "rounding":
        look = exposed[PERSONS] > 0
        rounded, unround, exposed[PERSONS] = _rounded(now, last_seen, policy, facts, taken, look=look)
    rows += list(_of_shares(now, shares, hidden, rounded, taken))
    rows += [
        (i, v, BESIDE, HIDDEN, False, None) if i in unround else (i, v, ROUNDED, conf, False, rounded[i])
        for i, v, conf in figures.select("observation_id", "vintage", "conf_status").iter_rows()
        if i in rounded and i not in taken
    ]
    changes = pl.DataFrame(rows, schema=_RESULT, orient="row").sort("observation_id")
    return Disclosed(changes, figures.height, sum(exposed.values()))


def _is_same(figures: pl.DataFrame, last: pl.DataFrame) -> bool:
    """Whether nothing changed since, nor is more hidden by its sender: then nothing changes in what readers see."""
    identity = ["observation_id", "value"]
    both = last.select("observation_id", pl.col("value").cast(pl.Float64))
    same = figures.select(identity).join(both, on=identity, how="semi", nulls_equal=True).height
    open_ = last.filter(~_of_its_sender() | (pl.col("kind") == BESIDE))
    withdrawn = figures.filter(_of_its_sender()).join(open_, on="observation_id", how="semi").height
    return figures.height == last.height == same and not withdrawn


def _as_it_was(figures: pl.DataFrame, last: pl.DataFrame) -> pl.DataFrame:
    was = last.filter(pl.col("kind").is_not_null()).select("observation_id", "kind", "conf_status", "told", "shown")
    found = figures.select("observation_id", "vintage").join(was, on="observation_id", how="inner")
    return found.select(*_RESULT).sort("observation_id")


# -- hiding -----------------------------------------------------------------------------------------------------


def _of_unit(
    now: pl.DataFrame, before: pl.DataFrame | None, policy: Disclosure, facts: Facts
) -> tuple[dict[str, tuple[str, str, bool]], int]:
    """observation_id -> (kind, conf_status, told apart) of the figures of one unit that are hidden."""
    if not now.height:
        return {}, 0
    frame = _both(now, before)
    small = _small(policy, facts)
    sender = _of_its_sender()
    here, there = pl.col("state") == 1, pl.col("state") == 0
    if not frame.filter(sender | (here & small) | (there & pl.col("kind").is_in([HIDDEN, BESIDE]))).height:
        return {}, 0
    frame = _with_unpublished(frame, facts)
    flags = partial(_marked, frame)
    nowhere = flags(pl.col("value").is_null() & ~sender)
    # hidden for more than being small, and replaced or gone since
    of_sender_before = flags(there & (pl.col("kind") == HIDDEN) & pl.col("value").is_not_null() & ~small) & ~flags(here)
    of_sender = flags(sender & (here | pl.col("kind").is_null())) | of_sender_before
    primary = flags(here & small) & ~of_sender
    was_hidden = flags(there & pl.col("kind").is_in([HIDDEN, BESIDE]))
    now_there, was_there = flags(here), flags(there)
    sums = build(frame.with_columns(kept=sender), facts)
    hidden = of_sender | primary | was_hidden | nowhere
    signed = flags(pl.col("indicator").is_in(list(facts.signed)))
    shown_before = was_there & ~was_hidden & ~of_sender
    # what was shown and has become small since the policy is another one: new readers do not see it
    hidden |= shown_before & now_there & primary
    width = len(hidden)
    values = sums.values[:width]
    nothing = (values == 0) & (policy.zeros == "published") & ~signed
    usual = flags(
        here
        & pl.col("observation_id").is_in(frame.filter(there & pl.col("kind").is_not_null())["observation_id"].to_list())
    )
    told_before = flags(there & pl.col("told").fill_null(value=False)) & was_hidden & ~of_sender_before & ~signed
    lower, upper = _bounds(values, policy, of_sender, nowhere, signed, told_before)
    wide = np.full(width, float(policy.possible - 1))
    wide = np.where(of_sender, np.maximum(wide, _OF_SENDER * np.abs(values)), wide)
    wide[nowhere] = 0.0
    if policy.policy == "rounding":
        wide[~of_sender] = 0.0  # no other is exact
    rest = len(sums.values) - width
    table = hiding.Table(
        sums=sums,
        hidden=_long(hidden, rest, fill=True),
        fixed=_long((shown_before & ~hidden) | (nothing & ~hidden) | ~now_there, rest, fill=True),
        lower=_long(lower, rest, fill=0.0),
        upper=_long(upper, rest, fill=np.inf),
        width=_long(wide, rest, fill=0.0),
        usual=_long(usual, rest, fill=False),
        places=_places(frame),
    )
    done, lost = hiding.protect(table)
    if lost.any():
        done, lost = _all_that_can_be(table, done, lost)
    apart = _told_apart(table, done, of_sender | signed | nowhere, float(policy.threshold or 0))
    published = frame.filter(here & ~pl.col("unpublished"))
    already = of_sender & now_there & flags(there & pl.col("shown").is_not_null())
    return _labels(published, done, apart, primary, of_sender), int((lost[:width] | already).sum())


def _bounds(
    values: Floats, policy: Disclosure, of_sender: Bools, nowhere: Bools, signed: Bools, told: Bools
) -> tuple[Floats, Floats]:
    """The least and the most that a figure can be, for who knows no more than that it is hidden, and by which rule."""
    lower = np.where(policy.zeros == "hidden", 0.0, np.minimum(1.0, values))
    lower = np.where(of_sender, np.minimum(0.0, values), lower)
    lower, upper = _told(values, lower, np.full(len(values), np.inf), told, float(policy.threshold or 0))
    lower = np.where(nowhere, np.minimum(0.0, values), lower)
    return np.where(signed, -np.inf, lower), upper


def _labels(
    published: pl.DataFrame, done: Bools, apart: Bools, primary: Bools, of_sender: Bools
) -> dict[str, tuple[str, str, bool]]:
    """observation_id -> (kind, conf_status, told apart) of those that are hidden."""
    labels = {}
    for observation, variable, conf in published.select("observation_id", "variable", "conf_status").iter_rows():
        if not done[variable]:
            continue
        kind = HIDDEN if primary[variable] or of_sender[variable] else BESIDE
        told = bool(apart[variable] and not of_sender[variable])
        own = conf if of_sender[variable] and conf in NOT_FOR_PUBLICATION else None
        labels[observation] = (kind, own or (kind if told else HIDDEN), told)
    return labels


def _both(now: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """Figures of now (`state` 1) and before (0); one that did not change has one `variable`, whatever brought it."""
    columns = [*(k for k in KEYS if k != "state"), *FIGURE, *_IMPLIED]
    nothing_yet = {"kind": pl.String, "told": pl.Boolean, "shown": pl.Float64}
    frames = [now.select(*columns, state=pl.lit(1), **{k: pl.lit(None, dtype) for k, dtype in nothing_yet.items()})]
    if before is not None and before.height:
        same = before.with_columns(
            pl.col("vintage").cast(pl.Int64),
            pl.col("value", "shown").cast(pl.Float64),
            state=pl.lit(0),
        )
        frames.append(same.select(frames[0].columns))
    both = pl.concat(frames, how="vertical_relaxed")
    # nobody knows of one without a number whether it changed
    open_ = pl.when(pl.col("value").is_null()).then("state")
    identity = pl.struct("observation_id", "value", open_)
    return both.with_columns(variable=identity.rank("dense").cast(pl.Int64) - 1)


def _with_unpublished(frame: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """The figures, and those beside them that nobody published (`unpublished`): a reader can work them out."""
    beside = unpublished(frame, facts).with_row_index("variable", offset=int(frame["variable"].max()) + 1)  # type: ignore[arg-type]
    return pl.concat(
        [
            frame.with_columns(unpublished=pl.lit(value=False)),
            beside.with_columns(
                pl.col("variable").cast(pl.Int64),
                observation_id=pl.lit(""),
                obs_status=pl.lit("A"),
                conf_status=pl.lit("F"),
                unpublished=pl.lit(value=True),
            ),
        ],
        how="diagonal_relaxed",
    )


def _marked(frame: pl.DataFrame, rows: pl.Expr) -> Bools:
    """Figures of which a row is one of these."""
    width = int(frame["variable"].max()) + 1  # type: ignore[arg-type]
    found: Bools = np.zeros(width, dtype=bool)
    found[frame.filter(rows)["variable"].to_numpy()] = True
    return found


def _places(frame: pl.DataFrame) -> Places:
    """Where each figure stands; the total is code 0 of every dimension."""
    varying = [k for k in KEYS if frame[k].n_unique() > 1]
    codes = [
        np.where(
            (frame[k].cast(pl.String) == TOTAL).to_numpy(), WHOLE, frame[k].rank("dense").to_numpy().astype(np.int64)
        )
        for k in varying
    ]
    return Places(
        codes=np.column_stack(codes) if codes else np.zeros((frame.height, 0), dtype=np.int64),
        figure=frame["variable"].to_numpy().astype(np.int64),
        additive=tuple(n for n, k in enumerate(varying) if k in ADDED_ALONG),
    )


def _small(policy: Disclosure, facts: Facts) -> pl.Expr:
    """Counts of persons that point at persons."""
    if policy.policy != "threshold" or policy.threshold is None:
        return pl.lit(value=False)
    over = pl.col("value") >= 0 if policy.zeros == "hidden" else pl.col("value") > 0
    from_, to = 0 if policy.zeros == "hidden" else 1, policy.threshold - 1
    could_be = (pl.col("most") >= from_) & (pl.col("least") <= to)
    few = pl.when("implied").then(could_be).otherwise(over & (pl.col("value") < policy.threshold))
    return ((pl.col("unit") == PERSONS) & ~pl.col("indicator").is_in(list(facts.signed)) & few).fill_null(value=False)


def _of_its_sender() -> pl.Expr:
    """What its sender hid."""
    return pl.col("conf_status").is_in(NOT_FOR_PUBLICATION) | (
        pl.col("value").is_null() & (pl.col("obs_status") == "Q")
    )


def _told(values: Floats, lower: Floats, upper: Floats, told: Bools, limit: float) -> tuple[Floats, Floats]:
    """What a figure can be once C and D are told apart: C is below the threshold, D is not."""
    small = values < limit
    upper = np.where(told & small, np.minimum(upper, np.maximum(limit - 1.0, values)), upper)
    lower = np.where(told & ~small, np.maximum(lower, np.minimum(limit, values)), lower)
    return lower, upper


def _long(flags: npt.NDArray[Any], rest: int, fill: object) -> npt.NDArray[Any]:
    return np.concatenate([flags, np.full(rest, fill)])


def _all_that_can_be(table: hiding.Table, done: Bools, lost: Bools) -> tuple[Bools, Bools]:
    """Where even that is not enough (what was published before cannot be taken back): all that is tied to it.

    Where that leaves no more open (a nought among noughts), nothing else is hidden for it.
    """
    everything = np.ones(len(done), dtype=bool)
    label = hiding.parts(table, everything)

    def tied(figures: Bools) -> Bools:
        return np.asarray(done | (np.isin(label, np.unique(label[figures])) & ~table.fixed))

    as_it_is = hiding.left_open(table, done, lost)
    done = tied(lost & (hiding.left_open(table, tied(lost), lost) > as_it_is + 0.5))
    again = np.zeros(len(done), dtype=bool)
    again[hiding.exposed(replace(table, hidden=done))] = True
    return done, again


def _told_apart(table: hiding.Table, done: Bools, free: Bools, limit: float) -> Bools:
    """Figures of which readers may know whether they are small or hidden beside small ones.

    In a small table: in a large one there is always a figure that this would give away.
    """
    label = hiding.parts(table, done)
    _, part, size = np.unique(label, return_inverse=True, return_counts=True)
    apart = done & (size[part] <= _TOLD_APART)
    ours = apart & ~table.sums.rest
    ours[: len(free)] &= ~free
    lower, upper = _told(table.sums.values, table.lower, table.upper, ours, limit)
    width = np.minimum(table.width, np.where(ours, max(limit - 2.0, 0.0), np.inf))
    stricter = replace(table, hidden=apart | (done & table.sums.rest), lower=lower, upper=upper, width=width)
    return np.asarray(apart & ~np.isin(label, np.unique(label[hiding.exposed(stricter)])))


# -- shares -----------------------------------------------------------------------------------------------------


def _shares(figures: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Each share with the figures that it is made of: `share`, `numerator`, `denominator` (ids), `implied` (count).

    A share is rounded, to as many decimals as its indicator has: the count is one of `least` to `most`.
    """
    keys = [k for k in KEYS if k not in ("state", "unit", "indicator")]
    anyhow = figures.with_columns(
        counterpart_basis=pl.when(pl.col("counterpart_area") == "_T")
        .then(pl.lit(""))
        .otherwise(pl.col("counterpart_basis"))
    )
    found = []
    for fact in facts.shares:
        half = _half_a_unit(anyhow.filter(pl.col("indicator") == fact.share)["value"])
        of = {
            name: anyhow.filter(pl.col("indicator") == getattr(fact, name))
            .select(*keys, pl.col("observation_id").alias(name), pl.col("value").alias(f"{name}_value"))
            .unique(keys, keep="first", maintain_order=True)
            for name in ("share", "numerator", "denominator")
        }
        found.append(
            of["share"]
            .join(of["numerator"], on=keys, how="left")
            .join(of["denominator"], on=keys, how="left")
            .select(
                "share",
                "numerator",
                "denominator",
                pl.lit(fact.numerator).alias("indicator"),
                pl.lit(fact.denominator).alias("of_denominator"),
                *(
                    ((pl.col("share_value") + off) * pl.col("denominator_value") / fact.per).alias(name)
                    for name, off in (("implied", 0.0), ("least", -half), ("most", half))
                ),
            )
        )
    return (
        pl.concat(found)
        if found
        else pl.DataFrame(
            schema={
                "share": pl.String,
                "numerator": pl.String,
                "denominator": pl.String,
                "indicator": pl.String,
                "of_denominator": pl.String,
                "implied": pl.Float64,
                "least": pl.Float64,
                "most": pl.Float64,
            }
        )
    )


def _half_a_unit(values: pl.Series) -> float:
    """Half a unit of the last decimal that any of these has."""
    found = values.drop_nulls().to_numpy()
    exact = (d for d in range(9) if np.allclose(found, np.round(found, d), rtol=0.0, atol=1e-9))
    return float(0.5 * 10.0 ** -next(exact, 9))


def _with_implied(figures: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """The figures, and counts that a share and its denominator give away where the source does not publish them."""
    alone = shares.filter(pl.col("numerator").is_null() & pl.col("implied").is_not_null())
    implied = (
        figures.join(
            alone.select("share", "implied", "least", "most", of="indicator"),
            left_on="observation_id",
            right_on="share",
        )
        .with_columns(
            unit=pl.lit(PERSONS),
            indicator=pl.col("of"),
            value=pl.col("implied").round(),
            obs_status=pl.lit("A"),
        )
        .with_columns(implied=pl.lit(value=True))
        .select(*figures.columns, *_IMPLIED)
    )
    return pl.concat([figures.with_columns(implied=pl.lit(value=False)), implied], how="diagonal_relaxed")


def _of_shares(
    now: pl.DataFrame,
    shares: pl.DataFrame,
    hidden: Mapping[str, tuple[str, str, bool]],
    rounded: Mapping[str, float],
    taken: set[str],
) -> Iterator[tuple[str, int, str, str, bool, None]]:
    """A share goes with its numerator and with its denominator, which the other two would give away.

    Where the denominator stands nowhere, others may tell it: then it goes with whatever is hidden beside it.
    """
    own = now.filter(pl.col("value").is_not_null() & ~pl.col("implied"))
    vintages = {
        i: (vintage, where) for i, vintage, *where in own.select("observation_id", "vintage", *_WHERE).iter_rows()
    }
    beside = now.filter(
        pl.col("observation_id").is_in(list(hidden)) & (pl.col("value").is_not_null() | (pl.col("obs_status") == "Q"))
    )
    touched = set(beside.select("indicator", *_WHERE).iter_rows())
    for share, numerator, denominator, indicator, of_denominator, *_ in shares.iter_rows():
        if share in taken or share not in vintages:
            continue
        vintage, where = vintages[share]
        if denominator is None and touched & {(indicator, *where), (of_denominator, *where)}:
            yield (share, vintage, BESIDE, HIDDEN, False, None)
            continue
        for of in (numerator, denominator):
            if of is not None and of in hidden:
                yield (share, vintage, *hidden[of], None)
                break
            if of is not None and of in rounded:
                yield (share, vintage, BESIDE, HIDDEN, False, None)
                break


# -- rounding ---------------------------------------------------------------------------------------------------


def _rounded(
    figures: pl.DataFrame, last: pl.DataFrame | None, policy: Disclosure, facts: Facts, gone: Set[str], look: bool
) -> tuple[dict[str, float], frozenset[str], int]:
    """Counts of persons at a multiple of the base, those that are hidden after all, and how many are narrowed down.

    `gone`: what is hidden whatever the policy. What did not change is rounded as it was, or stays hidden. `look`: what
    its sender hid would be narrowed down if the other figures were exact.
    """
    of_persons = (pl.col("unit") == PERSONS) & ~pl.col("implied")
    counts = figures.filter(of_persons)
    if not counts["value"].is_not_null().any():
        return {}, frozenset(), 0
    frame = _with_unpublished(_both(counts, None if last is None else last.filter(of_persons)), facts)
    now = (pl.col("state") == 1) & ~pl.col("unpublished")
    here = now & pl.col("value").is_not_null()
    flags = partial(_marked, frame)
    to_show = flags(here & ~pl.col("observation_id").is_in(list(gone)))
    stands = np.full(len(to_show), np.nan)
    stood = frame.filter(pl.col("shown").is_not_null())
    stands[stood["variable"].to_numpy()] = stood["shown"].to_numpy()
    base = float(policy.base or 1)
    of_sender = flags(now & _of_its_sender())
    sums = build(frame.with_columns(kept=_of_its_sender()), facts)
    unknown = np.isnan(stands) & ~to_show
    least = np.where(flags(pl.col("indicator").is_in(list(facts.signed))), -np.inf, 0.0)
    found = rounding.rounded(rounding.Counts(sums=sums, stands=stands, unknown=unknown, least=least, base=base))
    away = base - 1.0
    wide = np.where(of_sender, np.maximum(away, _OF_SENDER * np.abs(sums.values[: len(of_sender)])), away)
    wide[~of_sender & (unknown | found.hidden | (not found.odd))] = 0.0
    narrow = 0
    if look or found.odd:
        narrow = _narrowed(frame, sums, found, unknown | found.hidden, least, wide, away)
    variables = dict(frame.filter(here).select("observation_id", "variable").iter_rows())
    return (
        {i: float(found.shown[variable]) for i, variable in variables.items()},
        frozenset(i for i, variable in variables.items() if found.hidden[variable]),
        narrow,
    )


def _narrowed(
    frame: pl.DataFrame, sums: Sums, found: rounding.Rounded, unknown: Bools, least: Floats, wide: Floats, away: float
) -> int:
    """Figures of which less than `wide` is left open, where each shown one may be `away` from what is shown."""
    rest = len(sums.values) - len(unknown)
    anything = np.ones(len(sums.values), dtype=bool)
    table = hiding.Table(
        sums=sums,
        hidden=anything,
        fixed=anything,
        lower=_long(np.where(unknown, least, np.maximum(found.shown - away, least)), rest, fill=0.0),
        upper=_long(np.where(unknown, np.inf, found.shown + away), rest, fill=np.inf),
        width=_long(wide, rest, fill=0.0),
        usual=~anything,
        places=_places(frame),
    )
    return len(hiding.exposed(table))


# -- facts ------------------------------------------------------------------------------------------------------


def read_facts(codelists: Folders, relations: Path) -> Facts:
    """What codelists and `include/relations.csv` say of what adds up."""
    bands = read_codelist(codelists, "age").rows
    indicators = read_codelist(codelists, "indicator").rows
    units = read_codelist(codelists, "subdivision").rows
    inside: dict[str, dict[str, tuple[str, ...]]] = {"subdivision": _Inside(units)}
    sums: dict[str, tuple[str, ...]] = {}
    within: dict[str, tuple[str, ...]] = {}
    shares = []
    with relations.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            members = tuple(row["parts"].split("|"))
            if row["kind"] == "share":
                shares.append(Share(row["whole"], members[0], members[1], float(row["per"])))
            elif row["kind"] == "part":
                within[row["whole"]] = members
            elif row["concept"] == "indicator":
                sums[row["whole"]] = members
            else:
                for member in members:
                    inside.setdefault(row["concept"], {})[member] = (row["whole"],)
    return Facts(
        ages={
            code: (int(row["min_age"]), int(row["max_age"] or 9_999) + 1)
            for code, row in bands.items()
            if re.fullmatch(r"\d+", row["min_age"])
        },
        inside=inside,
        groups=frozenset(c for c, row in read_codelist(codelists, "area").rows.items() if row["kind"] == "group"),
        sums=sums,
        within=within,
        shares=tuple(shares),
        signed=frozenset(c for c, row in indicators.items() if row["min_value"].startswith("-")),
        flows=frozenset(c for c, row in indicators.items() if row["stock_or_flow"] == "flow"),
    )


class _Inside(dict[str, tuple[str, ...]]):
    """Unit -> the units that it lies in, nearest first; one that is not matched says so itself."""

    def __init__(self, rows: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__()
        self.rows = rows

    def get(self, code: str, default: object = ()) -> tuple[str, ...]:
        found = []
        at = code
        while at:
            unknown = told_apart(at)
            at = unknown.above if unknown else self.rows.get(at, {}).get("parent", "")
            if at:
                found.append(at)
        return tuple(found)

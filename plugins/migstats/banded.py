"""Figures of a source in standard age bands, for whoever asks: exact sums, and a modelled split on request."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from migstats import ages, warehouse
from migstats.errors import ConfigurationError
from migstats.source import codelist_folders

#: What a split goes by: the population of the same ages in the same place, year and sex.
_WHERE: Final = ("ref_area", "subdivision", "year", "sex")

#: Columns of a file with the population; `subdivision` may be left out.
POPULATION: Final = ("ref_area", "year", "sex", "age", "population")

_FIGURE: Final = ("age", "value", "obs_status", "missing_reason")


def figures(
    url: str,
    source: str,
    indicator: str,
    scheme: str,
    *,
    split: bool = False,
    population: Path | None = None,
    whole: bool = False,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Figures by the bands of a scheme with `method`, `obs_status` and `parts`; and what is refused, with `why`.

    With `split` bands that do not nest are cut in proportion to the population of the warehouse (indicator POP), or of
    a file with the columns POPULATION. ConfigurationError where the scheme is none, the source has no such figures by
    age, or they are no counts of persons.
    """
    concepts = codelist_folders()
    targets = ages.schemes(concepts).get(scheme)
    if targets is None:
        raise ConfigurationError(f"there is no scheme {scheme!r}; there are {', '.join(ages.schemes(concepts))}")
    asked = {"source": source, "indicator": indicator}
    with warehouse.connect(url) as connection:
        found = warehouse.rows(connection, "report/figures_by_age", asked)
        people = warehouse.rows(connection, "report/population_by_age", asked) if split and population is None else []
    codes = ages.bands(concepts)
    if not any(row["age"] in codes for row in found):
        raise ConfigurationError(f"{source} has no figures of {indicator} by age in bi")
    units = sorted({row["unit"] for row in found} - {"PS"})
    if units:
        raise ConfigurationError(f"{indicator} is in {', '.join(units)}: shares and rates are never added up or cut")
    schema = {"value": pl.Float64, "year": pl.Int64}
    frame = pl.DataFrame(
        found, schema={name: schema.get(name, pl.String) for name in found[0]}, infer_schema_length=None
    )
    by = [name for name in frame.columns if name not in _FIGURE]
    if not split:
        return ages.aggregate(frame, targets, by, codes)
    of_ages = _population(population) if population is not None else pl.DataFrame(people, schema=_schema())
    return ages.split(frame, of_ages, targets, by, codes, on=_WHERE, whole=whole)


def _schema() -> dict[str, type[pl.DataType]]:
    return {
        "ref_area": pl.String,
        "subdivision": pl.String,
        "year": pl.Int64,
        "sex": pl.String,
        "age": pl.String,
        "population": pl.Float64,
    }


def _population(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ConfigurationError(f"{path}: cannot be read as CSV: {error}") from error
    missing = [name for name in POPULATION if name not in frame.columns]
    if missing:
        raise ConfigurationError(f"{path}: the columns {', '.join(missing)} are missing; expected {POPULATION}")
    if "subdivision" not in frame.columns:
        frame = frame.with_columns(subdivision=pl.lit("_T"))
    try:
        typed = frame.select(list(_schema())).cast(_schema())  # type: ignore[arg-type]
    except pl.exceptions.InvalidOperationError as error:
        raise ConfigurationError(f"{path}: year and population are numbers: {error}") from error
    twice = typed.select(*_WHERE, "age").is_duplicated()
    if twice.any():
        raise ConfigurationError(f"{path}: line {(twice.arg_max() or 0) + 2}: its place, year, sex and age stand twice")
    return typed.drop_nulls("population")

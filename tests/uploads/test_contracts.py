"""The contracts in include/templates: whole, coherent with the codelists, and clear in all five languages."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from migstats import settings
from migstats.codelists import CODELIST_OF, read_codelist
from migstats.errors import DeclarationError
from migstats.names import LANGUAGES, normal
from migstats.uploads.contract import Form, form_of, forms, read_form

CODELISTS = settings.include() / "codelists"
FORMS = [pytest.param(form, id=form.id) for form in forms().values()]

#: What the programme asks of countries.
ASKED = {
    *("migrant_stock", "migration_flows", "labour_permits", "returnees", "remittances", "diaspora"),
    *("employment", "education", "health", "social_protection", "recruitment_costs", "programme_results"),
}


def test_there_is_a_form_for_all_that_is_asked() -> None:
    assert set(forms()) >= ASKED


@pytest.mark.parametrize("form", FORMS)
def test_each_measure_is_an_indicator_with_its_bounds_and_kind(form: Form) -> None:
    indicators = read_codelist(CODELISTS, "indicator").rows
    for measure in form.measures:
        row = indicators[measure.indicator]
        assert row["stock_or_flow"] == form.stock_or_flow
        assert float(row["min_value"]) <= measure.low < measure.high <= float(row["max_value"])
        assert measure.whole == (row["unit"] in ("PS", "NUMBER", "CASES"))


@pytest.mark.parametrize("form", FORMS)
def test_shares_and_amounts_are_not_added_up(form: Form) -> None:
    assert all(measure.whole for _, measure in form.sums_of_measures)


@pytest.mark.parametrize("form", FORMS)
def test_every_code_of_a_contract_is_one_of_its_codelist(form: Form) -> None:
    for key in form.keys:
        listed = read_codelist(CODELISTS, CODELIST_OF.get(key.concept, key.concept))
        used = {*(key.allowed or ()), *(key.prefill or ())}
        used |= {code for one in form.sums if one.column == key.id for code in (one.total, *(one.parts or ()))}
        assert used <= set(listed.rows)
        assert used <= set(key.allowed or listed.rows)
        assert key.total or "_T" not in used
    for measure in form.measures:
        for concept, code in form.constants_of(measure).items():
            listed = read_codelist(CODELISTS, CODELIST_OF.get(concept, concept))
            assert code in listed.rows, (concept, code)


@pytest.mark.parametrize("form", FORMS)
def test_the_texts_of_two_columns_are_never_the_same(form: Form) -> None:
    """A header is understood in any language: it may mean one column only."""
    texts: Counter[str] = Counter()
    for column in form.columns:
        texts.update({normal(t, "en") for t in (*column.also, *(column.header.of(lang) for lang in LANGUAGES))})
    assert [text for text, times in texts.items() if times > 1] == []


@pytest.mark.parametrize("form", FORMS)
def test_the_help_of_a_column_fits_beside_its_cell(form: Form) -> None:
    """Excel shows 255 characters."""
    for column in form.columns:
        assert [lang for lang in LANGUAGES if len(column.help.of(lang)) > 255] == []


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"undivided": ["gender"]}, "there are no such key columns"),
        ({"constants": {"sex": "F"}}, "is a constant and a column"),
    ],
)
def test_a_measure_that_contradicts_its_form_is_refused(tmp_path: Path, changed: dict[str, object], found: str) -> None:
    facts = yaml.safe_load((settings.include() / "templates" / "returnees.yaml").read_text(encoding="utf-8"))
    facts["measures"][0].update(changed)
    file = tmp_path / "returnees.yaml"
    file.write_text(yaml.safe_dump(facts, allow_unicode=True), encoding="utf-8")
    with pytest.raises(DeclarationError, match=found):
        read_form(file)


def test_a_measure_that_is_not_divided_by_a_key_is_in_none_of_its_sums() -> None:
    added = {(one.column, measure.id) for one, measure in form_of("programme_results").sums_of_measures}
    assert ("sex", "trained") in added
    assert not {column for column, measure in added if measure == "centres"}

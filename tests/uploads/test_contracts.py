"""The contracts in include/templates: whole, coherent with the codelists, and clear in all five languages."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from migstats import settings
from migstats.errors import DeclarationError
from migstats.names import LANGUAGES
from migstats.uploads.contract import Form, form_of, forms, read_form
from migstats.uploads.contract_checks import findings_of

CODELISTS = settings.include() / "codelists"
FORMS = [pytest.param(form, id=form.id) for form in forms().values()]

#: What the programme asks of countries.
ASKED = {
    *("migrant_stock", "migration_flows", "labour_permits", "returnees", "remittances", "diaspora"),
    *("employment", "education", "health", "social_protection", "recruitment_costs", "programme_results", "neet"),
}


def test_there_is_a_form_for_all_that_is_asked() -> None:
    assert set(forms()) >= ASKED


@pytest.mark.parametrize("form", FORMS)
def test_a_contract_agrees_with_the_codelists(form: Form) -> None:
    assert list(findings_of(form, CODELISTS)) == []


@pytest.mark.parametrize("form", FORMS)
def test_every_figure_that_a_country_sends_is_said_to_be_of_the_country(form: Form) -> None:
    natures = {form.constants_of(measure).get("nature") for measure in form.measures}
    assert natures == {"C"}


LONG = dict.fromkeys(LANGUAGES, "x" * 256)


@pytest.mark.parametrize(
    ("place", "changed", "found"),
    [
        (("keys", 2), {"prefill": ["X"], "allowed": None}, "sex: 'X' is no code of codelist sex; mend the code"),
        (("keys", 2), {"allowed": ["F", "M", "_T"], "prefill": None}, "sex: '_U' is in a sum and not in `allowed`"),
        (("keys", 2), {"total": False}, "sex: `_T` is used, and `total` is false"),
        (("keys", 2), {"help": LONG}, "sex: help.en is longer than 255 characters"),
        (("measures", 0), {"indicator": "RETURNED"}, "returned: indicator 'RETURNED' is no code"),
        (("measures", 0), {"indicator": "MIG_STOCK"}, "returned: MIG_STOCK is a stock, the form is of a flow"),
        (("measures", 0), {"high": 1e12}, "write bounds within those of RETURNEES, 0 to 1000000000"),
        (("measures", 0), {"whole": False}, "returned: found whole: false; RETURNEES is in PS"),
        (("measures", 0), {"whole": False}, "sums: sex: returned is a share or an amount"),
        (("measures", 0), {"constants": {"reason": "LOVE"}}, "'LOVE' is no code of codelist reason"),
        (("measures", 0), {"also": ["GÉNERO"]}, "'genero' could be the header of two columns"),
    ],
)
def test_a_contract_that_does_not_agree_is_told_where_and_how_to_mend_it(
    tmp_path: Path, place: tuple[str, int], changed: dict[str, object], found: str
) -> None:
    form = read_form(returnees(tmp_path, place, changed))
    assert any(found in finding for finding in findings_of(form, CODELISTS))


def returnees(folder: Path, place: tuple[str, int], changed: dict[str, object]) -> Path:
    """The contract of returnees with one column changed."""
    facts = yaml.safe_load((settings.include() / "templates" / "returnees.yaml").read_text(encoding="utf-8"))
    facts[place[0]][place[1]].update(changed)
    file = folder / "returnees.yaml"
    file.write_text(yaml.safe_dump(facts, allow_unicode=True), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"undivided": ["gender"]}, "there are no such key columns"),
        ({"constants": {"sex": "F"}}, "is a constant and a column"),
    ],
)
def test_a_measure_that_contradicts_its_form_is_refused(tmp_path: Path, changed: dict[str, object], found: str) -> None:
    with pytest.raises(DeclarationError, match=found):
        read_form(returnees(tmp_path, ("measures", 0), changed))


def test_a_measure_that_is_not_divided_by_a_key_is_in_none_of_its_sums() -> None:
    added = {(one.column, measure.id) for one, measure in form_of("programme_results").sums_of_measures}
    assert ("sex", "trained") in added
    assert not {column for column, measure in added if measure == "centres"}

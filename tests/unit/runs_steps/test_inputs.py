"""What a table was made from, and when its new rows alone may be taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afluente.core.errors import RunError
from afluente.runs.steps.inputs import Input, Inputs

BRONZE = "bronze.a"


def made(text: str = "t", table_id: str = "one", version: int = 3, timezone: str = "UTC", code: int = 1) -> Inputs:
    return Inputs(text, timezone, {BRONZE: Input(table_id, version)}, code)


@given(
    st.text(),
    st.text(),
    st.dictionaries(st.text(), st.builds(Input, st.text(), st.integers(0, 2**53)), max_size=4),
    st.integers(0, 99),
)
def test_a_signature_gives_the_inputs_back(text: str, zone: str, found: dict[str, Input], code: int) -> None:
    inputs = Inputs(text, zone, found, code)
    assert Inputs.parse(inputs.signature()) == inputs


@pytest.mark.parametrize("signature", ["", "{", "[]", "{}", "7", '{"code": 1, "text": "t", "inputs": {"a": 3}}'])
def test_what_something_else_wrote_is_no_signature(signature: str) -> None:
    assert Inputs.parse(signature) is None


def test_a_table_goes_on_only_as_itself_and_forward() -> None:
    assert made(version=4).goes_on_from(made(), BRONZE)
    assert made().goes_on_from(made(), BRONZE)
    assert not made(version=2).goes_on_from(made(), BRONZE)
    assert not made(table_id="two", version=9).goes_on_from(made(), BRONZE)
    assert not made().goes_on_from(Inputs("t", "UTC", {}), BRONZE)


def test_a_table_made_anew_at_the_same_version_is_another() -> None:
    assert made().is_same(made(), BRONZE)
    assert not made(table_id="two").is_same(made(), BRONZE)
    assert made(table_id="two").signature() != made().signature()


@pytest.mark.parametrize("other", [made(text="u"), made(timezone="America/Sao_Paulo"), made(code=2)])
def test_another_text_zone_or_code_asks_for_a_new_plan(other: Inputs) -> None:
    with pytest.raises(RunError) as caught:
        made().check_still_made_as(other, "silver.a")
    assert caught.value.code == "runs.plan_stale"
    assert caught.value.retryable

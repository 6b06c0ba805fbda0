"""What a column of an output's contract declares is held against the values that would leave."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from release_project import ToldGates, open_project

from afluente.products.release.build import build_release
from afluente.runs.steps.workspace import Workspace

PLACE = "{name: uf, logicalType: string"
UNITS = "{name: unidades, logicalType: integer, physicalType: bigint"
BROKEN = {
    "contract.values": (f"{PLACE}}}", f"{PLACE}, customProperties: [{{property: values, value: [RJ]}}]}}"),
    "contract.pattern": (f"{PLACE}}}", f'{PLACE}, logicalTypeOptions: {{pattern: "[a-z]{{2}}"}}}}'),
    "contract.bounds": (f"{UNITS}}}", f"{UNITS}, logicalTypeOptions: {{maximum: 0}}}}"),
}
LENGTH = (f"{PLACE}}}", f"{PLACE}, logicalTypeOptions: {{minLength: 3}}}}")
MULTIPLE = (f"{UNITS}}}", f"{UNITS}, logicalTypeOptions: {{multipleOf: 1000000}}}}")
KEPT = (f"{PLACE}}}", f'{PLACE}, logicalTypeOptions: {{pattern: "[A-Z]{{2}}", maxLength: 2}}}}')


def reasons_with(workspace: Workspace, declared: tuple[str, str]) -> tuple[str, set[tuple[str, str]]]:
    """The status of a release, and its reasons by output, when the contracts declare something else."""
    for name in ("vendas_dia", "vendas_mes"):
        contract = workspace.project.root / "contracts" / f"{name}.odcs.yaml"
        text = contract.read_text(encoding="utf-8")
        assert declared[0] in text
        contract.write_text(text.replace(*declared), encoding="utf-8")
    changed = open_project(workspace.project.root)
    try:
        outcome = build_release(changed, changed.project.products[0], actor="ana", gates=ToldGates().gates())
        assert all("SP" not in reason.message_en for reason in outcome.reasons)
        return outcome.status, {(reason.code, reason.output) for reason in outcome.reasons}
    finally:
        changed.close()


@pytest.mark.parametrize(
    ("code", "declared"), [*BROKEN.items(), ("contract.bounds", LENGTH), ("contract.bounds", MULTIPLE)]
)
def test_a_value_that_the_contract_does_not_allow_holds_the_release(
    opened: Callable[..., Workspace], code: str, declared: tuple[str, str]
) -> None:
    status, reasons = reasons_with(opened(), declared)
    assert status == "held"
    assert reasons == {(code, "vendas_dia"), (code, "vendas_mes")}


def test_values_as_the_contract_declares_them_leave(opened: Callable[..., Workspace]) -> None:
    assert reasons_with(opened(), KEPT) == ("released", set())

"""`afluente check` over a catalogue: for which versions of PEC its lists are, one list a version."""

from __future__ import annotations

import pytest

from afluente.core.errors import CheckFailed
from afluente.project.load import load_project

LIST = "  - {name: pessoas, columns: [{name: a, type: text}, {name: b, type: text}]%s}\n"
FLEET = "\nfleet:\n  signing_key: secret:env:A\n  landing_key: secret:env:B\n  catalogue: catalogo\n"


@pytest.fixture
def problems(write, files, tmp_path):
    def check(*lists: str) -> list[tuple[str, str]]:
        content = "lists:\n" + "".join(lists)
        root = write({"afluente.yaml": files["afluente.yaml"] + FLEET, "catalogo/catalogo.yaml": content})
        try:
            assert load_project(root, environment={}, typed_in=tmp_path).fleet.lists
        except CheckFailed as failed:
            return [(problem.code, problem.message) for problem in failed.problems]
        return []

    return check


def test_a_list_may_stand_once_for_each_of_the_versions_of_pec(problems):
    assert problems(LIST % "") == []
    assert problems(LIST % ', pec: "<5.2"', LIST % ', pec: ">=5.2,<5.4"', LIST % ', pec: ">=5.4"') == []


@pytest.mark.parametrize("pec", ["5.3", "5.*", ">5.2", ">=5.2 <5.4", "<5.4,>=5.2", ">=5.4,<5.2", ">=cinco", "[5.2]"])
def test_versions_of_pec_have_one_form(problems, pec):
    [(code, message)] = problems(LIST % f', pec: "{pec}"')
    assert code == "project.wrong_value"
    assert "'pec' of list 'pessoas'" in message


def test_two_lists_of_one_name_for_one_version_are_a_mistake(problems):
    [(code, message)] = problems(LIST % ', pec: "<5.4"', LIST % ', pec: ">=5.3"')
    assert (code, "stands twice for one version of PEC" in message) == ("project.repeated", True)
    assert [code for code, _ in problems(LIST % "", LIST % "")] == ["project.repeated"]


def test_a_list_has_the_same_columns_for_every_version(problems):
    other = LIST.replace("{name: b, type: text}", "{name: c, type: text}")
    found = problems(LIST % ', pec: "<5.4"', other % ', pec: ">=5.4"')
    assert [code for code, _ in found] == ["project.wrong_value"]

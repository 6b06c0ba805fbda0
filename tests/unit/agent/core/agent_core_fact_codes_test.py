"""One vocabulary: every fact that the source leaves or reads is in it, and nothing stands in it that nobody leaves."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from afluente_agent.doctor.texts import TEXTS
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.fact_codes import FACT_KINDS

ROOT = Path(__file__).parents[4]
VOCABULARY = ROOT / "agent/src/afluente_agent/protocol/fact_codes.py"
AGENT = ROOT / "agent/src/afluente_agent"
WORDS = AGENT / "doctor/texts.py"
"""The words of findings, by their codes: nothing is left there."""
HUB = (ROOT / "src/afluente/fleet", ROOT / "src/afluente/hub")
DEMO = ROOT / "src/afluente/demo"
LEAVING = {"leave", "_leave", "tell", "finding", "_set_aside"}
"""Calls whose first argument, or second in `_set_aside`, is the code of a fact; their keywords are its evidence."""
NOT_FACTS = re.compile(r"(ok|doctor)\.[a-z_]+")
SEEN_IN_THE_STATE = {"hub.central_slow", "hub.certificate"}
"""What the diagnosis sees in the admission's table and in the facts of nearly all sites, without a fact being kept."""
OF_EVENTS = {("updates.py", "update.metadata_expired")}
"""Kinds of the hub's own events, which share a word with a fact."""


@dataclass(frozen=True)
class Left:
    """A place in the source that leaves a fact. `code` is "" where it is a variable."""

    place: str
    code: str
    evidence: tuple[str, ...]


def sources(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted(folder.rglob("*.py")) if path not in (VOCABULARY, WORDS))


def codes_in(node: ast.expr) -> list[str]:
    """The codes that an expression may be: a constant of the vocabulary, a text, or either of two."""
    match node:
        case ast.Attribute(value=ast.Name(id="fact_codes"), attr=name):
            return [getattr(fact_codes, name)]
        case ast.Constant(value=str() as text):
            return [text]
        case ast.IfExp(body=one, orelse=other):
            return codes_in(one) + codes_in(other)
        case _:
            return []


def left_in(path: Path) -> Iterator[Left]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in LEAVING:
            continue
        given = node.args[1:] if name == "_set_aside" else node.args
        evidence = tuple(one.arg for one in node.keywords if one.arg is not None)
        for code in codes_in(given[0]) if given else []:
            yield Left(f"{path.relative_to(ROOT)}:{node.lineno}", code, evidence)


def constants_in(*folders: Path) -> set[str]:
    """Every code whose constant stands somewhere in the source."""
    found = set()
    for path in sources(*folders):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "fact_codes":
                found.add(node.attr)
    return {code for name in found if name in named() and (code := named()[name])}


def test_a_constant_is_named_by_its_code() -> None:
    named = {name: value for name, value in vars(fact_codes).items() if name.isupper() and isinstance(value, str)}
    del named["ALL_SITES"]
    assert {name.lower().replace("_", ".", 1): value for name, value in named.items()} == {
        code: code for code in FACT_KINDS
    }


@pytest.mark.parametrize("folder", [AGENT, DEMO], ids=["agent", "demo"])
def test_no_fact_is_left_under_a_code_or_a_key_that_the_vocabulary_does_not_have(folder: Path) -> None:
    left = [one for path in sources(folder) for one in left_in(path) if not NOT_FACTS.fullmatch(one.code)]
    assert left
    unknown = [one for one in left if one.code not in FACT_KINDS]
    assert unknown == []
    strange = [(one.place, sorted(extra)) for one in left if (extra := set(one.evidence) - evidence_of(one.code))]
    assert strange == []


def test_the_hub_leaves_only_its_own_codes_by_their_constants() -> None:
    for path in sources(*HUB):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr != "record" or getattr(node.func.value, "id", "") != "facts":
                continue
            [code] = [one.value for one in node.keywords if one.arg == "code"]
            assert not isinstance(code, ast.Constant), f"{path}:{node.lineno}"
            assert {FACT_KINDS[one].left_by for one in codes_in(code)} <= {"hub"}, f"{path}:{node.lineno}"


def test_every_code_is_left_by_the_side_that_is_said_to_leave_it() -> None:
    by_agent = {code for code in constants_in(AGENT) if FACT_KINDS[code].left_by == "agent"}
    of_agent = {code for code, kind in FACT_KINDS.items() if kind.left_by == "agent"}
    assert of_agent - by_agent == set()
    not_of_rules = [path for path in sources(*HUB) if "diagnosis" not in path.parts or path.name in ("pulse.py",)]
    recorded = set()
    for path in not_of_rules:
        text = path.read_text(encoding="utf-8")
        recorded |= {code for name, code in named().items() if f"fact_codes.{name}" in text}
    of_hub = {code for code, kind in FACT_KINDS.items() if kind.left_by == "hub"}
    assert of_hub - recorded - SEEN_IN_THE_STATE == set()


def test_no_code_of_a_fact_is_written_as_a_text() -> None:
    written = []
    for path in (*sources(AGENT, *HUB, DEMO), WORDS):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in FACT_KINDS:
                if (path.name, node.value) in OF_EVENTS:
                    continue
                written.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.value}")
    assert written == []


def test_every_finding_that_is_wrong_is_a_fact_of_the_agent() -> None:
    wrong = {code for code in TEXTS if not NOT_FACTS.fullmatch(code)}
    assert {FACT_KINDS[code].left_by for code in wrong} == {"agent"}


@pytest.mark.parametrize("code", sorted(code for code in TEXTS if code in FACT_KINDS))
def test_the_words_of_a_finding_use_only_the_evidence_of_its_fact(code: str) -> None:
    text = TEXTS[code]
    words = f"{text.title_pt} {text.what_to_do_pt} {text.title_en} {text.what_to_do_en}"
    assert set(re.findall(r"\{([a-z_]+)\}", words)) <= evidence_of(code)


def evidence_of(code: str) -> set[str]:
    return set(FACT_KINDS[code].evidence)


def named() -> dict[str, str]:
    return {code.upper().replace(".", "_"): code for code in FACT_KINDS}


def test_what_the_hub_tells_with_its_facts_has_keys_of_the_vocabulary() -> None:
    """A part of the hub tells no key that none of the facts it leaves has."""
    looked_at = 0
    for path in sources(*HUB):
        text = path.read_text(encoding="utf-8")
        if "facts.record(" not in text:
            continue
        mine = {code for name, code in named().items() if f"fact_codes.{name}" in text}
        allowed = {key for code in mine for key in evidence_of(code)}
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, (ast.Assign, ast.keyword, ast.AugAssign)):
                continue
            names = [node.arg] if isinstance(node, ast.keyword) else [getattr(one, "id", "") for one in targets(node)]
            if "evidence" not in names or not isinstance(node.value, ast.Dict):
                continue
            looked_at += 1
            told = {key.value for key in node.value.keys if isinstance(key, ast.Constant)}
            assert told <= allowed, f"{path}:{node.lineno} {sorted(told - allowed)}"
    assert looked_at >= 8


def targets(node: ast.Assign | ast.AugAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest
from afluente_agent.doctor.finding import MOST_EVIDENCE_CHARACTERS, codes_to_tell, finding
from afluente_agent.doctor.texts import TEXTS
from afluente_agent.protocol.fact_codes import FACT_KINDS

ROOT = Path(__file__).parents[4]
DOCUMENT = ROOT / "docs" / "fleet-doctor.md"
PORTUGUESE = re.compile(r"[áàâãéêíóôõúç]|\b(o|a|os|de|do|da|que|e|não|em|com|nada)\b", re.IGNORECASE)


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_every_code_has_words_in_both_languages(code: str) -> None:
    text = TEXTS[code]
    for words in (text.title_pt, text.what_to_do_pt, text.title_en, text.what_to_do_en):
        assert words.strip() == words
        assert len(words) > 3
    assert PORTUGUESE.search(text.title_pt)
    assert text.title_pt != text.title_en
    assert text.what_to_do_pt.endswith(".")
    assert text.what_to_do_en.endswith(".")


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_every_code_has_a_row_in_the_document_with_its_words(code: str) -> None:
    rows = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{code}` |")]
    assert len(rows) == 1
    assert TEXTS[code].title_pt in rows[0]
    assert TEXTS[code].what_to_do_pt in rows[0]


def test_the_document_has_no_code_that_is_not_there() -> None:
    told = set(re.findall(r"^\| `([\w.]+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE))
    assert told == set(TEXTS)


@pytest.mark.parametrize("code", sorted(code for code, text in TEXTS.items() if text.state in ("warn", "fail")))
def test_what_is_wrong_is_a_fact_of_the_protocol(code: str) -> None:
    assert FACT_KINDS[code].left_by == "agent"


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_words_leave_no_brackets_when_evidence_is_missing(code: str) -> None:
    told = finding(code)
    assert "{" not in told.title_pt + told.what_to_do_pt + told.title_en + told.what_to_do_en


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_the_step_names_only_what_the_title_or_the_fact_carries(code: str) -> None:
    text = TEXTS[code]
    names = {name for _, name, _, _ in Formatter().parse(text.title_pt + text.what_to_do_pt) if name}
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)


def test_evidence_is_short_and_on_one_line() -> None:
    told = finding("db.down", host="a\nb\x1b[31m", port=1, reason="x" * 1000)
    assert told.evidence["host"] == "a b [31m"
    assert len(told.evidence["reason"]) == MOST_EVIDENCE_CHARACTERS


def test_the_codes_to_tell_are_those_of_what_is_wrong_once_each() -> None:
    found = [
        finding("ok.hub"),
        finding("disk.low"),
        finding("disk.low"),
        finding("identity.clone"),
        finding("doctor.later"),
    ]
    assert codes_to_tell(found) == ("disk.low", "identity.clone")

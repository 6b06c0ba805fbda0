"""The findings as a person reads them, and as a program does.

Invariant: both say the same; the exit status is 1 when something must be mended, else 0.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from afluente_agent.doctor.finding import Finding, codes_to_tell

MARKS = {"fail": "ERRO", "warn": "ATENÇÃO", "unknown": "?", "ok": "OK"}
ORDER = ("fail", "warn", "unknown", "ok")


def exit_status(findings: Sequence[Finding]) -> int:
    """1 when a finding failed; warnings and what could not be seen let pass."""
    return int(any(one.state == "fail" for one in findings))


def as_text(findings: Sequence[Finding]) -> str:
    """Portuguese: what is wrong first, each with what to do, then what is well."""
    lines: list[str] = []
    for state in ORDER:
        for one in findings:
            if one.state == state:
                lines.append(f"[{MARKS[state]}] {one.title_pt}  ({one.code})")
                if state != "ok":
                    lines.append(f"    O que fazer: {one.what_to_do_pt}")
    failed = sum(one.state == "fail" for one in findings)
    warned = sum(one.state == "warn" for one in findings)
    if failed:
        lines.append(f"\nResultado: {failed} problema(s) a resolver e {warned} aviso(s).")
    else:
        lines.append(f"\nResultado: pronto para transmitir; {warned} aviso(s).")
    return "\n".join(lines) + "\n"


def as_json(findings: Sequence[Finding]) -> str:
    """`{"status": 0|1, "codes": [...], "findings": [...]}`."""
    told = {
        "status": exit_status(findings),
        "codes": codes_to_tell(findings),
        "findings": [asdict(one) for one in findings],
    }
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"

"""The accounts of releases as the command line shows them: ledger, audit log, contracts, erasure, retention."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.cli.console import Console
from afluente.cli.words import moment_text, size_text
from afluente.core.errors import DataRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from afluente.runs.steps.workspace import Workspace

ERASURE_NAMESPACE = "afluente-erasure@afluente"


def show_ledger(workspace: Workspace, partner: str, console: Console) -> None:
    from afluente.products.governance.ledger import read_ledger

    rows: list[dict[str, object]] = [
        {
            "position": one.position,
            "partner": one.partner,
            "release": f"{one.product}#{one.number}",
            "output": one.output,
            "status": one.status,
            "figures": one.cells,
            "told": one.told_at if console.is_json else moment_text(one.told_at),
            "delivered": one.delivered_at if console.is_json else moment_text(one.delivered_at),
            "contract": one.contract_version,
            "legal basis": one.legal_basis,
            **({"purpose": one.purpose, "sha256": one.sha256} if console.is_json else {}),
        }
        for one in read_ledger(workspace.state, workspace.project, partner=partner)
    ]
    if not rows and not console.is_json:
        console.note("nothing was told to anybody yet")
        return
    console.table(rows)


def show_audit(workspace: Workspace, subject: str, console: Console) -> int:
    """The exit status is 3 when the log was tampered with."""
    from afluente.products.governance.audit import read_audit

    reading = read_audit(workspace.state, subject=subject)
    verdict = reading.verdict().say(workspace.project.language)
    if console.is_json:
        console.json(
            {
                "is_whole": reading.is_whole,
                "head": reading.head,
                "verdict": verdict,
                "entries": [
                    {
                        "id": one.id,
                        "at": one.at,
                        "actor": one.actor,
                        "action": one.action,
                        "subject": one.subject,
                        "payload": dict(one.payload),
                        "hash": one.hash,
                    }
                    for one in reading.entries
                ],
            }
        )
    else:
        console.table(
            {
                "id": one.id,
                "at": moment_text(one.at),
                "actor": one.actor,
                "action": one.action,
                "subject": one.subject,
                "hash": one.hash[:12],
            }
            for one in reading.entries
        )
        console.note(verdict)
    return 0 if reading.is_whole else DataRefused.exit_status


def show_diff(arguments: Namespace, console: Console) -> int:
    """Needs no project: both contracts are files."""
    from afluente.products.governance.contract_diff import compare, read_versions
    from afluente.products.governance.notice import draft_notice

    old, new = read_versions(Path(arguments.old), Path(arguments.new))
    diff = compare(old, new)
    today = datetime.now(UTC).date()
    notice = draft_notice(diff, title=arguments.title or diff.contract, owner=new.owner, today=today)
    if console.is_json:
        console.json(
            {
                "contract": diff.contract,
                "old": diff.old_version,
                "new": diff.new_version,
                "bump": diff.bump,
                "needed": diff.needed,
                "changes": [
                    {"code": one.code, "impact": one.impact, "subject": one.subject, "text": one.text.say("pt")}
                    for one in diff.changes
                ],
                "notice": {"pt": notice.say("pt"), "en": notice.say("en")},
            }
        )
        return 0
    if not diff.changes:
        console.note("nothing changed; there is nothing to tell the partner")
        return 0
    for change in diff.changes:
        console.data(f"{change.impact}[{change.code}] {change.subject}: {change.text.say('pt')}")
    console.data(f"\n{notice.say('pt')}")
    if diff.needed != diff.new_version:
        console.note(f"the version says {diff.new_version}; what changed asks for {diff.needed}")
    return 0


def erase(workspace: Workspace, arguments: Namespace, console: Console, *, actor: str) -> int:
    """The exit status is 3 when the person is still found somewhere afterwards, or an erased one came back."""
    from afluente.products.governance.erase import erase_person

    if arguments.verify:
        return _verify_erasures(workspace, console, actor=actor, is_erasing=arguments.yes)
    if arguments.file is None or not arguments.reason:
        missing = "a FILE of identifiers" if arguments.file is None else "--reason"
        raise UsageError(
            "product.erase_words",
            f"erase has not {missing}",
            hint="afluente product erase FILE --reason TEXT, or afluente product erase --verify",
        )
    certificate = erase_person(
        workspace,
        identifiers=Path(arguments.file),
        by=actor,
        reason=arguments.reason,
        is_dry_run=not arguments.yes,
        allows_several=arguments.several,
        sign=_signer(workspace),
    )
    if console.is_json:
        console.out.write(certificate.to_json().decode())
    else:
        console.data(certificate.to_text(workspace.project.language))
        if not certificate.found_anything:
            console.note("nobody of these identifiers was found")
        elif not arguments.yes:
            console.note("nothing was erased; --yes erases")
    return DataRefused.exit_status if certificate.traces else 0


def _verify_erasures(workspace: Workspace, console: Console, *, actor: str, is_erasing: bool) -> int:
    """Say where erased people stand again, never who they are; with `is_erasing` erase them again."""
    from afluente.products.governance.erase import erase_returned, verify_erasures

    if is_erasing:
        again = erase_returned(workspace, by=actor, sign=_signer(workspace))
        console.note(f"{len(again)} erased again")
    back = verify_erasures(workspace)
    rows = [{"certificate": one.certificate, "table": str(one.table), "column": one.column} for one in back]
    if console.is_json:
        console.json(rows)
    else:
        console.table(rows)
        console.note("nobody who was erased is back" if not back else "--yes erases them again")
    return DataRefused.exit_status if back else 0


def expire(workspace: Workspace, console: Console, *, actor: str, is_dry_run: bool) -> None:
    from afluente.products.governance.retention import expire as expire_due

    done = expire_due(workspace, actor=actor, is_dry_run=is_dry_run)
    if console.is_json:
        console.json(
            {
                "is_dry_run": done.is_dry_run,
                "releases": [
                    {
                        "release": f"{one.product}#{one.number}",
                        "expired_on": one.expired_on,
                        "files": one.files,
                        "size_bytes": one.size_bytes,
                    }
                    for one in done.releases
                ],
                "keys": [{"partner": one.partner, "key_id": one.key_id} for one in done.keys],
            }
        )
        return
    console.table(
        {
            "release": f"{one.product}#{one.number}",
            "expired": moment_text(one.expired_on),
            "files": one.files,
            "size": size_text(one.size_bytes),
        }
        for one in done.releases
    )
    for key in done.keys:
        console.data(f"pseudonym key {key.key_id} of {key.partner}")
    would = "would go; --yes removes them" if is_dry_run else "gone"
    console.note(f"{len(done.releases)} releases and {len(done.keys)} keys {would}")


def _signer(workspace: Workspace) -> Callable[[bytes], bytes] | None:
    """Signs certificates with the first key that a product signs with."""
    from afluente.products.release.sshsig import sign

    for product in workspace.project.products:
        if product.signing_key is not None:
            key = product.signing_key
            return lambda content: sign(content, workspace.secret(key), namespace=ERASURE_NAMESPACE).encode()
    return None

"""Releases, plans and deliveries as the command line shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from afluente.cli.console import Console
from afluente.cli.words import moment_text

if TYPE_CHECKING:
    from afluente.core.language import Language
    from afluente.products.release.build import ReleaseOutcome
    from afluente.products.release.plan import PlannedOutput, ReleasePlan
    from afluente.products.release.reason import Reason
    from afluente.products.release.verify import VerifyReport
    from afluente.products.sending import SendOutcome
    from afluente.project.product import Product
    from afluente.runs.steps.workspace import Workspace
    from afluente.state.releases import Release

_OTHERWISE = "nobody can let it through; it may pass told otherwise: other days, coarser places, fewer dimensions"
MOST_REASONS = 20


def show_products(workspace: Workspace, console: Console) -> None:
    from afluente.state import partners, releases

    rows: list[dict[str, object]] = []
    with workspace.state.read() as connection:
        for product in workspace.project.products:
            newest = releases.newest(connection, product.name)
            rows.append(
                {
                    "product": product.name,
                    "version": product.version,
                    "partner": product.partner,
                    "partner status": partners.status_of(connection, product.partner),
                    "owner": product.owner,
                    "outputs": ", ".join(output.name for output in product.outputs),
                    "newest": newest.number if newest else None,
                    "status": newest.status if newest else "",
                    "made": _moment(newest.created_at if newest else None, console),
                }
            )
    if not rows and not console.is_json:
        console.note("the project has no products; write one in products/, see docs/products.md")
        return
    console.table(rows)


def show_releases(workspace: Workspace, product: Product, console: Console) -> None:
    from afluente.state import deliveries, releases

    rows: list[dict[str, object]] = []
    with workspace.state.read() as connection:
        for release in releases.of_product(connection, product.name):
            sent = deliveries.of_release(connection, release.id)
            rows.append(
                {
                    "number": release.number,
                    "status": release.status,
                    "made": _moment(release.created_at, console),
                    "period": _period(release.period.values()),
                    "replaces": release.replaces,
                    "deliveries": ", ".join(f"{one.name} {one.status}" for one in sent),
                    "reasons": ", ".join(sorted({reason["code"] for reason in release.reasons})),
                    "approved by": release.approved_by or "",
                }
            )
    if not rows and not console.is_json:
        console.note(f"product {product.name} has no release yet; afluente product plan shows what it would be")
        return
    console.table(rows)


def show_plan(workspace: Workspace, plan: ReleasePlan, console: Console) -> None:
    language = workspace.project.language
    if console.is_json:
        console.json(
            {
                "product": plan.product,
                "partner": plan.partner,
                "partner_status": plan.partner_status,
                "number": plan.number,
                "verdict": plan.verdict,
                "inputs": dict(plan.inputs),
                "outputs": [_output_as_json(output) for output in plan.outputs],
                "reasons": [dict(reason.as_row()) for reason in plan.reasons],
                "deliveries": dict(plan.deliveries),
            }
        )
        return
    if plan.verdict == "unchanged":
        console.note(_unchanged(plan.product, plan.number))
        return
    console.table([_output_row(output) for output in plan.outputs])
    for output in plan.outputs:
        for file in output.files:
            console.data(file)
    _reasons(plan.reasons, language, console)
    ways = ", ".join(f"{name} ({connector})" for name, connector in plan.deliveries.items()) or "nobody"
    after = f"; delivered to {ways}" if plan.verdict == "released" else ""
    console.note(f"{plan.product} #{plan.number} for {plan.partner} would be {plan.verdict}{after}")
    if plan.verdict == "refused":
        console.note(_OTHERWISE)
    if plan.partner_status != "active":
        console.note(f"partner {plan.partner} is {plan.partner_status}")


def show_outcome(workspace: Workspace, product: Product, outcome: ReleaseOutcome, console: Console) -> None:
    release = outcome.release
    if console.is_json:
        told = release_as_json(workspace, release) if release else None
        console.json({"product": product.name, "status": outcome.status, "release": told})
        return
    if outcome.status == "unchanged":
        console.note(_unchanged(product.name, release.number if release else 0))
        return
    if release is None:
        return
    _reasons(outcome.reasons, workspace.project.language, console)
    match outcome.status:
        case "held":
            console.note(f"{product.name} #{release.number} is held: let it through with")
            console.note(f"  afluente product approve {product.name} {release.number} --reason TEXT")
        case "refused":
            console.note(f"{product.name} #{release.number} was refused; nothing of it was written")
            console.note(_OTHERWISE)
        case _:
            console.data(release.folder)
            console.note(f"{product.name} #{release.number} was released; send it: afluente product deliver")


def show_release(workspace: Workspace, release: Release, console: Console) -> None:
    if console.is_json:
        console.json(release_as_json(workspace, release))
    else:
        console.data(f"{release.product} #{release.number} is {release.status}")


def release_as_json(workspace: Workspace, release: Release) -> dict[str, object]:
    from afluente.state import deliveries

    with workspace.state.read() as connection:
        sent = deliveries.of_release(connection, release.id)
    return {
        "id": release.id,
        "product": release.product,
        "partner": release.partner,
        "number": release.number,
        "status": release.status,
        "folder": release.folder,
        "replaces": release.replaces,
        "period": dict(release.period),
        "inputs": dict(release.inputs),
        "contracts": dict(release.contract_versions),
        "manifest_sha256": release.manifest_sha256,
        "utility": dict(release.utility),
        "reasons": [dict(reason) for reason in release.reasons],
        "approved_by": release.approved_by,
        "deliveries": {one.name: one.status for one in sent},
    }


def show_verified(workspace: Workspace, release: Release, report: VerifyReport, console: Console) -> None:
    language = workspace.project.language
    if console.is_json:
        console.json(
            {
                "release": release.subject,
                "is_whole": report.is_whole,
                "is_signed": report.is_signed,
                "files": report.checked,
                "problems": [
                    {"code": one.code, "subject": one.subject, "message": one.message(language)}
                    for one in report.problems
                ],
            }
        )
        return
    for problem in report.problems:
        console.data(f"[{problem.code}] {problem.message(language)}")
    if report.is_whole:
        signed = "signature, " if report.is_signed else "no signature, "
        console.data(f"{release.subject} is whole: {report.checked} files, manifest, {signed}ledger, audit log")


def show_delivered(workspace: Workspace, product: Product, release: Release, name: str, console: Console) -> None:
    """Look at what the partner holds. UsageError for a delivery that does not exist or cannot be looked at."""
    from afluente.core.errors import UsageError
    from afluente.core.nearest import did_you_mean
    from afluente.products.delivery_checks import verify_delivery
    from afluente.products.release.package import package_of

    settings = next((one for one in product.deliveries if one.name == name), None)
    if settings is None:
        names = [one.name for one in product.deliveries]
        raise UsageError("delivery.unknown", f"there is no delivery '{name}'", hint=did_you_mean(name, names))
    receipt = verify_delivery(workspace, settings, package_of(workspace, release))
    if console.is_json:
        console.json({"release": release.subject, "delivery": name, "receipt": dict(receipt.details)})
    else:
        console.data(f"{release.subject} is at the partner as it was released ({name})")


def show_sent(sent: Sequence[SendOutcome], console: Console) -> None:
    rows: list[dict[str, object]] = [
        {
            "delivery": f"{one.product}#{one.number}/{one.name}",
            "connector": one.connector,
            "status": one.status,
            "error": one.error_code,
            "next try": _moment(one.next_try_at, console),
        }
        for one in sent
    ]
    if rows or console.is_json:
        console.table(rows)
    if console.is_json:
        return
    if not rows:
        console.note("nothing is due")
    for one in sent:
        if one.message:
            console.note(f"{one.product}#{one.number}/{one.name}: [{one.error_code}] {one.message}")
            if one.hint:
                console.note(f"    hint: {one.hint}")


def _moment(moment: object, console: Console) -> object:
    from datetime import datetime

    if not isinstance(moment, datetime):
        return None if console.is_json else ""
    return moment if console.is_json else moment_text(moment)


def _period(periods: Iterable[Sequence[str]]) -> str:
    told = [days for days in periods if days]
    return f"{min(days[0] for days in told)} to {max(days[1] for days in told)}" if told else ""


def _unchanged(product: str, number: int) -> str:
    if number:
        return f"nothing new: {product} #{number} tells this already"
    return f"nothing new: {product} has no whole period that was not told"


def _reasons(reasons: Sequence[Reason], language: Language, console: Console) -> None:
    for reason in reasons[:MOST_REASONS]:
        where = f"{reason.output}: " if reason.output else ""
        console.note(f"{reason.action}[{reason.code}]: {where}{reason.message(language)}")
    if len(reasons) > MOST_REASONS:
        console.note(f"and {len(reasons) - MOST_REASONS} more; --json shows all")


def _output_row(output: PlannedOutput) -> dict[str, object]:
    row: dict[str, object] = {
        "output": output.name,
        "period": f"{output.days[0]} to {output.days[1]}" if output.days else "",
        "rows": output.rows,
        "figures told": output.told,
    }
    for measured in dict.fromkeys(share.measured for share in output.utility.shares):
        row[f"{measured} visible"] = f"{output.utility.visible(measured):.1%}"
    return row


def _output_as_json(output: PlannedOutput) -> dict[str, object]:
    from afluente.products.release.utility_record import utility_as_json

    return {
        "name": output.name,
        "days": list(output.days) if output.days else None,
        "rows": output.rows,
        "told": output.told,
        "files": list(output.files),
        "utility": dict(utility_as_json(output.utility)),
    }

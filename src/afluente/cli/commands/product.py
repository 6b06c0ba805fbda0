"""`afluente product`: releases to partners, their deliveries, and the accounts of both."""

from __future__ import annotations

import getpass
from argparse import Namespace
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

from afluente.cli import product_accounts, product_view
from afluente.cli.console import Console
from afluente.cli.opening import open_workspace
from afluente.core.errors import DataRefused, UsageError

if TYPE_CHECKING:
    from afluente.products.release.periods import Days
    from afluente.project.product import Product
    from afluente.runs.steps.workspace import Workspace

Action = Callable[["Workspace", Namespace, Console], int]
WATCHED = ("release", "approve", "withdraw", "deliver", "redeliver", "revoke")
"""What may open or end alerts: people are told when it is over, however it ended."""


def run(arguments: Namespace, console: Console) -> int:
    if arguments.action == "diff":
        return product_accounts.show_diff(arguments, console)
    with open_workspace(arguments) as workspace:
        try:
            return _ACTIONS[arguments.action](workspace, arguments, console)
        finally:
            if arguments.action in WATCHED:
                from afluente.cli.carry_out import tell_people

                tell_people(workspace, console)


def actor_of(arguments: Namespace) -> str:
    """Who answers for it: as given, else the user of this machine."""
    return arguments.by.strip() or getpass.getuser()


def _chosen(workspace: Workspace, arguments: Namespace) -> Product:
    """The product; a lone number after the action is a release's."""
    from afluente.products.release.find import find_product

    if getattr(arguments, "number", 0) is None and arguments.product.isdecimal():
        arguments.number, arguments.product = int(arguments.product), ""
    return find_product(workspace.project, arguments.product)


def _days(arguments: Namespace) -> Days | None:
    if arguments.first is None and arguments.last is None:
        return None
    first = _day(arguments.first, "--from") if arguments.first is not None else date.min
    last = _day(arguments.last, "--to") if arguments.last is not None else date.max
    if last < first:
        raise UsageError("product.days", f"--to {last} is before --from {first}", hint="give the earlier day first")
    return first, last


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError("product.days", f"{option} '{text}' is no day", hint="write it as 2026-03-31") from None


def _list(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.products.release.find import find_product

    if arguments.product:
        product_view.show_releases(workspace, find_product(workspace.project, arguments.product), console)
    else:
        product_view.show_products(workspace, console)
    return 0


def _plan(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.products.release.plan import plan_release

    product = _chosen(workspace, arguments)
    plan = plan_release(workspace, product, days=_days(arguments), replaces=arguments.replaces)
    product_view.show_plan(workspace, plan, console)
    return DataRefused.exit_status if plan.verdict in ("held", "refused") else 0


def _release(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.products.release.build import build_release

    product = _chosen(workspace, arguments)
    outcome = build_release(
        workspace, product, days=_days(arguments), actor=actor_of(arguments), replaces=arguments.replaces
    )
    product_view.show_outcome(workspace, product, outcome, console)
    return outcome.exit_status


def _approve(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.products.release.approve import approve_release

    product = _chosen(workspace, arguments)
    release = approve_release(
        workspace, product.name, arguments.number, reason=arguments.reason, actor=actor_of(arguments)
    )
    product_view.show_release(workspace, release, console)
    return 0


def _withdraw(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.products.release.withdraw import withdraw_release

    product = _chosen(workspace, arguments)
    release = withdraw_release(
        workspace, product.name, arguments.number, reason=arguments.reason, actor=actor_of(arguments)
    )
    product_view.show_release(workspace, release, console)
    return 0


def _verify(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.products.release.find import find_release
    from afluente.products.release.verify import verify_release

    product = _chosen(workspace, arguments)
    release = find_release(workspace, product.name, arguments.number, statuses=("released", "held"))
    if arguments.delivery:
        product_view.show_delivered(workspace, product, release, arguments.delivery, console)
        return 0
    report = verify_release(workspace, release)
    product_view.show_verified(workspace, release, report, console)
    return 0 if report.is_whole else DataRefused.exit_status


def _report(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.products.release.find import find_release
    from afluente.products.release.folder import REPORT

    product = _chosen(workspace, arguments)
    release = find_release(workspace, product.name, arguments.number, statuses=("released", "held"))
    path = workspace.project.root / release.folder / REPORT
    if not path.is_file():
        raise UsageError(
            "product.no_report", f"{release.subject} has no report", hint="only releases with outputs of cells have one"
        )
    if console.is_json:
        console.json({"release": release.subject, "report": str(path)})
    else:
        console.data(str(path))
    return 0


def _deliver(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.products.release.find import find_product
    from afluente.products.sending import send_due

    names = [find_product(workspace.project, name).name for name in arguments.products]
    sent = send_due(workspace, limit=arguments.limit, names=names)
    product_view.show_sent(sent, console)
    return 1 if any(one.status in ("failed", "dead") for one in sent) else 0


def _redeliver(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.products.redelivery import redeliver

    product = _chosen(workspace, arguments)
    waiting = redeliver(
        workspace,
        product.name,
        number=arguments.number,
        names=arguments.delivery,
        by=actor_of(arguments),
        reason=arguments.reason,
    )
    rows = [{"delivery": one.subject, "connector": one.row.connector, "was": one.row.status} for one in waiting]
    console.table(rows)
    if not console.is_json:
        console.note("they wait again; send them: afluente product deliver")
    return 0


def _partner(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.products import partner_access

    change = {
        "pause": partner_access.pause_partner,
        "resume": partner_access.resume_partner,
        "revoke": partner_access.revoke_partner,
    }[arguments.action]
    partner = change(workspace, arguments.partner, by=actor_of(arguments), reason=arguments.reason)
    if console.is_json:
        console.json({"partner": partner.partner, "status": partner.status, "since": partner.since})
    else:
        console.data(f"{partner.partner} is {partner.status}")
    return 0


def _ledger(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    product_accounts.show_ledger(workspace, arguments.partner, console)
    return 0


def _audit(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    return product_accounts.show_audit(workspace, arguments.subject, console)


def _erase(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    return product_accounts.erase(workspace, arguments, console, actor=actor_of(arguments))


def _expire(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    product_accounts.expire(workspace, console, actor=actor_of(arguments), is_dry_run=not arguments.yes)
    return 0


_ACTIONS: dict[str, Action] = {
    "list": _list,
    "plan": _plan,
    "release": _release,
    "approve": _approve,
    "withdraw": _withdraw,
    "verify": _verify,
    "report": _report,
    "deliver": _deliver,
    "redeliver": _redeliver,
    "pause": _partner,
    "resume": _partner,
    "revoke": _partner,
    "ledger": _ledger,
    "audit": _audit,
    "erase": _erase,
    "expire": _expire,
}

"""Who looks at what: the owner of a subject, and the page that says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afluente.watch.alert import AlertKind

if TYPE_CHECKING:
    from afluente.project.settings import Project

RUNBOOKS = "docs/runbooks/"


def owner_of(project: Project, subject: str) -> str:
    """The owner of a table's contract or model, of a product, or of the tables a source fills; else the project's."""
    default = project.alerts.owner if project.alerts is not None else ""
    head, _, rest = subject.partition("/")
    if head in ("product", "delivery"):
        name = rest.partition("/")[0].partition("#")[0]
        return next((product.owner for product in project.products if product.name == name), "") or default
    if subject.startswith("source."):
        filled = {table.name for one in project.sources if f"source.{one.name}" == subject for table in one.into}
        found = (one.owner for one in project.contracts if one.table.name in filled and one.owner)
        return next(found, default)
    owners = {str(model.table): model.owner for model in project.models}
    owners |= {str(contract.table): contract.owner for contract in project.contracts}
    return owners.get(subject) or default


def runbook_of(project: Project, kind: AlertKind) -> str:
    """The address of the page for a kind of alert: the project's own pages, else those of this program's documents."""
    base = (project.alerts.runbook_base if project.alerts is not None else "") or RUNBOOKS
    return f"{base.rstrip('/')}/{kind}.md"

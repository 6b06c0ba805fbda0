"""What hangs on what, from the project's files and the plan of its last run.

Invariant: no SQL is read for it: what a run planned says already which table comes from which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from afluente.runs.plan import Plan
from afluente.state import runs_table

if TYPE_CHECKING:
    import sqlalchemy as sa

    from afluente.project.settings import Project


def upstream_of(connection: sa.Connection, project: Project) -> dict[str, set[str]]:
    """Each step's and product's direct causes: steps by their names, products as `product/NAME`."""
    found: dict[str, set[str]] = {}
    for source in project.sources:
        for table in source.into:
            found.setdefault(str(table), set()).add(f"source.{source.name}")
    for run in runs_table.newest(connection, pipeline=project.name, limit=1):
        for step in Plan.from_json(run.plan):
            found.setdefault(step.name, set()).update(step.depends_on)
    for product in project.products:
        found[f"product/{product.name}"] = {str(output.facts) for output in product.outputs}
    return found

"""Everything a project is checked against that its own files do not say: types, connectors and the SQL of models."""

from __future__ import annotations

from afluente.project.known import Known


def known_names() -> Known:
    """What is installed, for `load_project` and `check_project`."""
    from afluente.conform.registry import rule_names, type_names
    from afluente.models.graph import graph_problems
    from afluente.sources.registry import check_source, connector_names

    return Known(
        formats=type_names(),
        connectors=connector_names(),
        rules=rule_names(),
        check_source=check_source,
        model_problems=graph_problems,
    )

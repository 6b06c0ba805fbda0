"""`afluente check`: every mistake of the project at once; no data is touched."""

from __future__ import annotations

import os
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.cli.console import Console
from afluente.cli.opening import project_folder
from afluente.core.errors import AfluenteError, CheckFailed, Place, Problem

if TYPE_CHECKING:
    from afluente.project.settings import Project


def run(arguments: Namespace, console: Console) -> int:
    from afluente.products.known import known_names
    from afluente.project.load import check_project, load_project

    folder = project_folder(arguments)
    known = known_names()
    problems = check_project(folder, environment=os.environ, typed_in=Path.cwd(), known=known)
    is_wrong = any(not problem.is_warning for problem in problems)
    project = None
    if not is_wrong:
        project = load_project(folder, environment=os.environ, typed_in=Path.cwd(), known=known)
        problems = [*problems, *_compile(project)]
        is_wrong = any(not problem.is_warning for problem in problems)
    if console.is_json:
        console.json([asdict(problem) for problem in problems])
        return 2 if is_wrong else 0
    if is_wrong or project is None:
        raise CheckFailed(problems)
    console.problems(problems)
    parts = (
        _counted(len(project.sources), "source"),
        _counted(len(project.contracts) + len(project.output_contracts), "contract"),
        _counted(len(project.models), "model"),
        _counted(len(project.schedules), "schedule"),
        *((_counted(len(project.products), "product"),) if project.products else ()),
    )
    console.note(f"{project.name}: {', '.join(parts)}; no mistakes")
    return 0


def _compile(project: Project) -> list[Problem]:
    """What is wrong with the types and columns that models, rules and products use, told from the contracts alone.

    Models that read bronze are left to the run, which knows its columns.
    """
    from afluente.models.compile import compile_model
    from afluente.models.graph import tables_read
    from afluente.products.predicate import predicate_problems
    from afluente.runs.steps.contract_sql import contract_problems
    from afluente.runs.steps.schemas import declared_schemas

    try:
        schemas = declared_schemas(project)
    except AfluenteError as error:
        return [_problem(error, project)]
    problems = []
    for model in project.models:
        if any(table.layer == "bronze" for table in tables_read(model)):
            continue
        try:
            compile_model(model, schemas, project.engine.kind, project.timezone)
        except AfluenteError as error:
            problems.append(_problem(error, project))
    return [
        *problems,
        *contract_problems(project, schemas),
        *predicate_problems(project, schemas),
        *_catalogues(project),
    ]


def _catalogues(project: Project) -> list[Problem]:
    """What agents would refuse of the fleet's lists."""
    from afluente.fleet.catalogue_files import FILE, read_catalogue_files
    from afluente.fleet.refusal import FleetError

    problems = []
    for folder in () if project.fleet is None else project.fleet.catalogues:
        try:
            read_catalogue_files(project.root / folder)
        except FleetError as error:
            place = Place(f"{folder}/{FILE}")
            problems.append(Problem(place, error.code, error.message, error.hint))
    return problems


def _problem(error: AfluenteError, project: Project) -> Problem:
    return Problem(error.place or project.place, error.code, error.message, error.hint)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

"""`afluente fleet`: the municipalities' agents, in the project's language."""

from __future__ import annotations

import getpass
from argparse import Namespace
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from afluente.cli.console import Console
from afluente.cli.opening import open_workspace
from afluente.core.errors import UsageError
from afluente.core.language import Message

if TYPE_CHECKING:
    from afluente.core.language import Language
    from afluente.runs.steps.workspace import Workspace

NOTHING_DUE = Message("ninguém precisa fazer nada", "nobody has to do anything")

_NO_SCRIPTS = Message(
    "as linhas supõem o agente já copiado para a máquina; com install.sh e install.ps1 em {folder} elas o trazem",
    "the lines need the agent on the machine already; with install.sh and install.ps1 in {folder} they bring it",
)


def run(arguments: Namespace, console: Console) -> int:
    with open_workspace(arguments) as workspace:
        match arguments.action:
            case "enrol":
                return _enrol(workspace, arguments, console)
            case "list":
                return _list(workspace, arguments, console)
            case "show":
                return _show(workspace, arguments, console)
            case "diagnose":
                return _diagnose(workspace, arguments, console)
            case "remedy":
                return _remedy(workspace, arguments, console)
            case "holiday":
                return _holiday(workspace, arguments, console)
            case "update":
                return _update(workspace, arguments, console)
            case "catalogue":
                return _catalogue(workspace, arguments, console)
            case _:
                return _summary(workspace, console, is_check=getattr(arguments, "check", False))


def _enrol(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from pathlib import Path

    from afluente.cli.install_lines import SCRIPTS, hub_address, install_lines, writing
    from afluente.fleet import enrolment, sites
    from afluente.fleet.municipality_file import read_municipalities
    from afluente.fleet.updates import updates_folder

    fleet = workspace.project.fleet
    wanted = read_municipalities(Path(arguments.file), rings=() if fleet is None else fleet.rings)
    hub = hub_address(arguments.hub)
    by, now = _who(arguments), workspace.clock.now()
    with writing(arguments.output, console.out) as out:
        with workspace.state.write() as connection:
            made = sites.register(connection, wanted, by=by, at=now)
            names = [site.id for site in wanted]
            tokens = enrolment.create_tokens(connection, names, by=by, at=now, days=arguments.days)
        updates = updates_folder(workspace.folder)
        has_scripts = all((updates / name).is_file() for name in SCRIPTS)
        lines = install_lines(wanted, dict(tokens), hub=hub, has_scripts=has_scripts)
        if console.is_json and not arguments.output:
            console.json(lines)
        else:
            out.rows(lines)
    said = Message(
        "{n} códigos de instalação, {m} locais novos; cada código vale {d:g} dias e uma só instalação",
        "{n} install codes, {m} new sites; each code is good for {d:g} days and one installation",
    )
    console.note(said.say(workspace.project.language, n=len(tokens), m=len(made), d=arguments.days))
    if not has_scripts:
        console.note(_NO_SCRIPTS.say(workspace.project.language, folder=updates))
    return 0


def _list(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.cli.fleet_headings import headed
    from afluente.cli.fleet_view import listing

    with workspace.state.read() as connection:
        rows = listing(connection, uf=arguments.uf.upper(), status=arguments.status)
    console.table(rows if console.is_json else headed(_shown(rows, workspace), workspace.project.language))
    return 0


def _show(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.cli.fleet_view import site_story
    from afluente.fleet.summary import summarise

    now = workspace.clock.now()
    with workspace.state.read() as connection:
        story = site_story(connection, arguments.site)
    standing = summarise(workspace.state, day=_today(workspace), at=now, site=arguments.site)
    story["now"] = asdict(standing.sites[0]) if standing.sites else None
    if console.is_json:
        console.json(story)
        return 0
    from afluente.cli.fleet_view import tell_site

    tell_site(story, standing.sites[0] if standing.sites else None, console, language=workspace.project.language)
    return 0


def _diagnose(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.cli.fleet_headings import headed
    from afluente.cli.fleet_view import tell_verdict, verdict_row
    from afluente.fleet import sites
    from afluente.fleet.diagnosis import diagnose

    language: Language = workspace.project.language
    if arguments.site:
        with workspace.state.read() as connection:
            sites.require(connection, arguments.site)
    day = _today(workspace) if arguments.day is None else _day(arguments.day)
    found = diagnose(workspace.state, day=day, at=workspace.clock.now())
    if arguments.site:
        found = [verdict for verdict in found if verdict.site == arguments.site]
    elif not arguments.is_all:
        found = [verdict for verdict in found if verdict.action not in ("nothing", "wait")]
    if console.is_json:
        console.json([asdict(verdict) for verdict in found])
    elif not found:
        console.note(NOTHING_DUE.say(language))
    elif arguments.site:
        for verdict in found:
            tell_verdict(verdict, console, language=language)
    else:
        console.table(headed((verdict_row(verdict, language=language) for verdict in found), language))
    return 0


def _summary(workspace: Workspace, console: Console, *, is_check: bool) -> int:
    from afluente.cli.fleet_view import summary_json, tell_summary
    from afluente.fleet.summary import summarise

    summary = summarise(workspace.state, day=_today(workspace), at=workspace.clock.now())
    if console.is_json:
        console.json(summary_json(summary))
    else:
        tell_summary(summary, console, language=workspace.project.language)
    return 1 if is_check and summary.to_do() else 0


def _remedy(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.fleet import remedies

    parameters = {}
    for text in arguments.set:
        name, is_pair, value = text.partition("=")
        if not is_pair or not name:
            raise UsageError("fleet.remedy_parameters", f"--set {text[:40]!r} is not NAME=VALUE")
        parameters[name] = value
    with workspace.state.write() as connection:
        asked = remedies.create(
            connection,
            arguments.site,
            arguments.kind.replace("-", "_"),
            parameters,
            by=_who(arguments),
            reason=arguments.reason,
            at=workspace.clock.now(),
        )
    if console.is_json:
        console.json(asdict(asked))
    else:
        said = Message(
            "remédio {id}: {kind} em {site}, no próximo sinal do agente",
            "remedy {id}: {kind} at {site}, at the agent's next heartbeat",
        )
        console.data(said.say(workspace.project.language, id=asked.id, kind=asked.kind, site=asked.site))
    return 0


def _holiday(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.fleet.calendar import KnownDay, keep
    from afluente.fleet.municipality_file import STATES

    place = "" if arguments.place.upper() == "BR" else arguments.place.upper()
    if place and place not in STATES.values() and not (place.isdigit() and len(place) == 7):
        raise UsageError("fleet.place", f"{arguments.place[:20]!r} is no place", hint="a code IBGE, a state, or BR")
    if not arguments.name.strip():
        raise UsageError("fleet.holiday", "the day has no name", hint="such as Padroeira")
    known = KnownDay(place, _day(arguments.day), arguments.name.strip()[:100], arguments.kind)
    with workspace.state.write() as connection:
        keep(connection, [known], by=_who(arguments))
    if console.is_json:
        console.json(asdict(known))
    else:
        console.data(f"{known.day} {place or 'BR'} {known.kind} {known.name}")
    return 0


def _update(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.cli.fleet_headings import headed
    from afluente.cli.fleet_updates import add_version, make_repository, open_desk, rollout_id, rotate_root
    from afluente.cli.words import moment_text

    if arguments.update_action == "init":
        return make_repository(workspace, console)
    if arguments.update_action == "rotate":
        return rotate_root(workspace, arguments, console)
    if arguments.update_action == "add":
        return add_version(workspace, arguments, console)
    desk = open_desk(workspace)
    match arguments.update_action:
        case "list":
            told = list(desk.listed())
        case "start":
            told = [desk.start(arguments.version, by=_who(arguments), reason=arguments.reason)]
        case action:
            step = {"hold": desk.hold, "resume": desk.resume, "roll-back": desk.roll_back}[action]
            rollout = arguments.rollout or rollout_id(workspace, action)
            told = [step(rollout, by=_who(arguments), reason=arguments.reason)]
    if console.is_json:
        console.json(told)
    else:
        keys = ("id", "version", "status", "ring", "started_at", "by", "reason")
        rows = [{key: one[key] for key in keys} for one in told]
        for row in rows:
            row["started_at"] = moment_text(datetime.fromisoformat(str(row["started_at"])))
        console.table(headed(rows, workspace.project.language))
    return 0


def _catalogue(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from pathlib import Path

    from afluente.fleet import documents
    from afluente.fleet.catalogue_files import read_catalogue_files
    from afluente.hub.project_hub import open_signer

    content = read_catalogue_files(Path(arguments.catalogue))
    with workspace.state.write() as connection:
        signed = documents.publish(
            connection,
            kind="catalogue",
            name="default",
            content=content,
            by=_who(arguments),
            at=workspace.clock.now(),
            signer=open_signer(workspace),
        )
    if console.is_json:
        console.json({"kind": signed.kind, "version": signed.version, "key": signed.key})
    else:
        console.note(f"catalogue {signed.version} is signed; agents take it with their next heartbeat")
    return 0


def _shown(rows: list[dict[str, object]], workspace: Workspace) -> list[dict[str, object]]:
    """Moments as a person reads them, in the project's time zone."""
    local = ZoneInfo(workspace.project.timezone)
    return [
        {
            key: f"{value.astimezone(local):%Y-%m-%d %H:%M}" if isinstance(value, datetime) else value
            for key, value in row.items()
        }
        for row in rows
    ]


def _today(workspace: Workspace) -> date:
    return workspace.clock.now().astimezone(ZoneInfo(workspace.project.timezone)).date()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError("fleet.day", f"{text[:20]!r} is no day", hint="write YYYY-MM-DD") from None


def _who(arguments: Namespace) -> str:
    return str(arguments.by or getpass.getuser())

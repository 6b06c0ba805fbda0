# ruff: noqa: T201 - the one module that prints
"""`afluente-agent`: what is typed at a site, told in Portuguese.

Invariant: nothing heavy is loaded before it is needed; nothing asks a question, so that everything runs unattended; a
token is taken from the command, the environment or the standard input, and never printed.

Exit status: 0 done; 1 something is wrong and said; 2 the command is wrong; 3 the doctor found what stops the work.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from afluente_agent import __version__
from afluente_agent.command_line import Parser
from afluente_agent.errors import AgentError, EnrolmentError
from afluente_agent.settings import DataFolder, Settings, default_folder

if TYPE_CHECKING:
    import threading

TOKEN_VARIABLE = "AFLUENTE_TOKEN"  # noqa: S105 - the name of a variable
HUB_VARIABLE = "AFLUENTE_HUB"
DONE, WRONG, FOUND = 0, 1, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    options = _parser().parse_args(arguments)
    folder = DataFolder(options.home) if options.home else default_folder()
    try:
        return int(options.do(folder, options))
    except AgentError as error:
        _tell_error(error)
        return WRONG
    except KeyboardInterrupt:
        return WRONG


def _parser() -> Parser:
    parser = Parser(prog="afluente-agent", description="Agente Afluente deste município.")
    parser.add_argument("--version", action="version", version=f"afluente-agent {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMANDO")
    shared = Parser(add_help=False)
    shared.add_argument("--home", type=Path, metavar="PASTA", help="pasta de dados do agente")
    enrolling = Parser(add_help=False)
    enrolling.add_argument("--hub", metavar="URL", help=f"endereço do hub (ou {HUB_VARIABLE})")
    enrolling.add_argument(
        "--token", metavar="CÓDIGO", help=f"código de instalação; '-' lê da entrada (ou {TOKEN_VARIABLE})"
    )
    enrolling.add_argument("--proxy", metavar="URL", help="proxy da rede; 'none' vai direto; sem isto segue o sistema")
    enrolling.add_argument("--ca-file", metavar="ARQUIVO", help="autoridades certificadoras a mais (PEM)")
    enrolling.add_argument("--pec", metavar="PASTA", help="pasta do e-SUS PEC, se não for achada sozinha")
    enrolling.add_argument("--anew", action="store_true", help="registrar de novo com outro código e outra chave")

    def add(name: str, words: str, do: object, *parents: Parser) -> Parser:
        command = commands.add_parser(name, help=words, description=words, parents=[shared, *parents])
        command.set_defaults(do=do)
        return command

    add("enrol", "registra esta máquina com o código de instalação", _enrol, enrolling)
    install = add("install", "confere, registra e deixa o agente rodando; pode ser repetido", _install, enrolling)
    install.add_argument("--skip-doctor", action="store_true", help="não conferir antes")
    install.add_argument("--as-service", action="store_true", help="Windows: serviço em vez de tarefa agendada")
    doctor = add("doctor", "confere tudo que o agente precisa e diz o que fazer", _doctor)
    doctor.add_argument("--hub", metavar="URL", help=f"endereço do hub (ou {HUB_VARIABLE})")
    doctor.add_argument("--json", action="store_true", help="achados em JSON")
    run = add("run", "o laço do serviço", _run)
    run.add_argument("--verbose", action="store_true", help="registro detalhado")
    supervise = add("supervise", "inicia o agente e o vigia: volta sozinho de uma atualização ruim", _supervise)
    supervise.add_argument("--service", action="store_true", help=argparse.SUPPRESS)
    add("once", "faz uma vez o que está na hora e termina", _once)
    status = add("status", "como está esta instalação", _status)
    status.add_argument("--json", action="store_true", help="em JSON")
    watchdog = add("watchdog", "restaura o serviço ou a tarefa, se foi removida", _watchdog)
    watchdog.add_argument("--as-service", action="store_true", help=argparse.SUPPRESS)
    uninstall = add("uninstall", "remove o serviço; a chave e os dados ficam na pasta", _uninstall)
    uninstall.add_argument("--as-service", action="store_true", help=argparse.SUPPRESS)
    return parser


def _enrol(folder: DataFolder, options: argparse.Namespace) -> int:
    return _enrol_with(folder, options, findings=())


def _enrol_with(folder: DataFolder, options: argparse.Namespace, *, findings: Sequence[str]) -> int:
    import time

    from afluente_agent.enrol import enrol

    settings = _keep_pec(folder, options)
    is_known = settings.is_enrolled and not options.anew
    hub = options.hub or os.environ.get(HUB_VARIABLE, "") or settings.hub
    token = "" if is_known else _token(options.token)
    if not is_known and not hub:
        raise EnrolmentError(
            "enrolment.hub",
            "falta o endereço do hub",
            "there is no address of the hub",
            "Use --hub https://... como veio com o código de instalação.",
        )
    enrolled = enrol(
        folder,
        hub=hub,
        token=token,
        now=time.time,
        proxy=options.proxy,
        ca_file=options.ca_file,
        findings=findings,
        is_anew=options.anew,
    )
    print(f"{enrolled.site_name} ({enrolled.site}): {enrolled.message_pt}")
    return WRONG if enrolled.decision == "clone" else DONE


def _keep_pec(folder: DataFolder, options: argparse.Namespace) -> Settings:
    from afluente_agent.settings import SettingsStore

    store = SettingsStore(folder)
    return store.update(pec_folder=str(Path(options.pec).absolute())) if options.pec else store.load()


def _token(given: str | None) -> str:
    token = sys.stdin.readline() if given == "-" else given or os.environ.get(TOKEN_VARIABLE, "")
    if not token.strip():
        raise EnrolmentError(
            "enrolment.token",
            "falta o código de instalação",
            "there is no enrolment token",
            f"Use --token CÓDIGO, ou a variável {TOKEN_VARIABLE}.",
        )
    return token.strip()


def _install(folder: DataFolder, options: argparse.Namespace) -> int:
    from afluente_agent.service.keeper import keeper_of_system
    from afluente_agent.service.program import program
    from afluente_agent.service.watchdog import mark_uninstalled

    _keep_pec(folder, options)
    findings: tuple[str, ...] = ()
    if not options.skip_doctor:
        from afluente_agent.doctor.finding import codes_to_tell
        from afluente_agent.doctor.report import as_text
        from afluente_agent.doctor_call import diagnose, stops_installation

        found = diagnose(folder, hub=options.hub or os.environ.get(HUB_VARIABLE, ""), proxy=options.proxy)
        print(as_text(found), end="")
        findings = codes_to_tell(found)
        if stops_installation(found):
            print("\nCorrija o que está marcado e rode o mesmo comando de novo.")
            return FOUND
    enrolled = _enrol_with(folder, options, findings=findings)
    if enrolled != DONE:
        return enrolled
    keeper = keeper_of_system(is_windows_service=options.as_service)
    wanted = program(folder)
    mark_uninstalled(wanted, is_uninstalled=False)
    if not keeper.is_installed(wanted):
        keeper.install(wanted)
    keeper.start()
    print("O agente está instalado e rodando. Nada mais precisa ser feito.")
    return DONE


def _doctor(folder: DataFolder, options: argparse.Namespace) -> int:
    from afluente_agent.doctor.report import as_json, as_text, exit_status
    from afluente_agent.doctor_call import diagnose

    found = diagnose(folder, hub=options.hub or os.environ.get(HUB_VARIABLE, ""), proxy=None)
    print(as_json(found) if options.json else as_text(found), end="")
    return FOUND if exit_status(found) else DONE


def _run(folder: DataFolder, options: argparse.Namespace) -> int:
    import threading

    from afluente_agent import durable, logs
    from afluente_agent.default_parts import default_parts
    from afluente_agent.loop import Loop
    from afluente_agent.update.health import EXIT_ALREADY_RUNNING, EXIT_FOR_UPDATE, follow_watcher

    logs.start(folder.logs, is_verbose=options.verbose)

    stop = threading.Event()
    _stop_on_signals(stop)
    follow_watcher(stop.set)
    try:
        with durable.locked(folder.run_lock, is_waiting=False):
            loop = Loop(folder, default_parts)
            loop.run(stop)
    except BlockingIOError:
        print("O agente já está rodando nesta pasta.", file=sys.stderr)
        return EXIT_ALREADY_RUNNING
    return EXIT_FOR_UPDATE if loop.must_restart else DONE


def _supervise(folder: DataFolder, options: argparse.Namespace) -> int:
    if options.service:
        from afluente_agent.service.program import own_command
        from afluente_agent.service.windows_service import serve, supervise

        command = [*own_command(), "supervise", "--home", str(folder.root.absolute())]
        return serve(lambda stop: supervise(command, stop))
    from afluente_agent.update.watcher import watch

    return watch(folder.root.absolute(), ["run"])


def _stop_on_signals(stop: threading.Event) -> None:
    import signal

    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: stop.set())


_PARTS: Mapping[str, str] = {
    "heartbeat": "falar com a central",
    "reading": "ler o e-SUS PEC",
    "sending": "enviar as listas",
    "doctor": "conferir este computador",
}
"""The parts of the loop, as whoever stands at the machine calls them."""


def _once(folder: DataFolder, _options: argparse.Namespace) -> int:
    from afluente_agent import durable, logs
    from afluente_agent.default_parts import default_parts
    from afluente_agent.loop import Loop

    logs.start(folder.logs)
    try:
        with durable.locked(folder.run_lock, is_waiting=False):
            loop = Loop(folder, default_parts)
            loop.tick()
            loop.client.close()
            failed = [_PARTS.get(name, name) for name, timer in loop.timers.by_name() if timer.failures]
    except BlockingIOError:
        print("O agente já está rodando nesta pasta.", file=sys.stderr)
        return WRONG
    print("Feito." if not failed else f"Não foi possível: {', '.join(failed)}. Rode 'afluente-agent doctor'.")
    return WRONG if failed else DONE


def _status(folder: DataFolder, options: argparse.Namespace) -> int:
    from afluente_agent.status import read_status

    status = read_status(folder)
    if options.json:
        print(json.dumps(status.as_json(), ensure_ascii=False))
    else:
        print("\n".join(status.lines_pt()))
    return DONE if status.is_enrolled else WRONG


def _watchdog(folder: DataFolder, options: argparse.Namespace) -> int:
    import time

    from afluente_agent.clock_offset import HubClock
    from afluente_agent.facts import Journal, leaver
    from afluente_agent.service.keeper import keeper_of_system
    from afluente_agent.service.program import program
    from afluente_agent.service.watchdog import watch
    from afluente_agent.settings import SettingsStore

    settings = SettingsStore(folder).load()
    if not settings.is_enrolled:
        return DONE
    journal = Journal(folder.journal, clock=HubClock(time.time, offset_seconds=settings.clock_offset_seconds))
    watch(keeper_of_system(is_windows_service=options.as_service), program(folder), leaver(lambda: journal))
    return DONE


def _uninstall(folder: DataFolder, options: argparse.Namespace) -> int:
    from afluente_agent.service.keeper import keeper_of_system
    from afluente_agent.service.program import program
    from afluente_agent.service.watchdog import mark_uninstalled

    mark_uninstalled(program(folder), is_uninstalled=True)
    keeper_of_system(is_windows_service=options.as_service).uninstall()
    print(f"O serviço foi removido. A chave e os dados continuam em {folder.root}.")
    return DONE


def _tell_error(error: AgentError) -> None:
    print(f"Erro: {error.message_pt} [{error.code}]", file=sys.stderr)
    if error.hint_pt:
        print(f"O que fazer: {error.hint_pt}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())

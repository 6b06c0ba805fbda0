"""`afluente hub`: the fleet's hub, its signing key and its operators."""

from __future__ import annotations

import getpass
import logging
import sys
from argparse import Namespace

from afluente.cli.console import Console
from afluente.cli.opening import open_workspace
from afluente.core.errors import UsageError

LARGEST_PORT = 65535
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def run(arguments: Namespace, console: Console) -> int:
    match arguments.action:
        case "serve":
            return _serve(arguments, console)
        case "key":
            return _key(console)
        case _:
            return _operator(arguments, console)


def _serve(arguments: Namespace, console: Console) -> int:
    for port in (arguments.agents_port, arguments.operators_port):
        if not 0 <= port <= LARGEST_PORT:
            raise UsageError("hub.port", f"port {port} does not exist", hint="0 takes a free one")
    if arguments.agents_port == arguments.operators_port != 0:
        raise UsageError("hub.one_port", "agents and operators would share a port", hint="give each its own")
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with open_workspace(arguments) as workspace:
        from afluente.hub.project_hub import project_parts
        from afluente.hub.serve import HubServer
        from afluente.runs.signals import stopping_on_signals

        server = HubServer(
            project_parts(workspace),
            host=arguments.host,
            agents_port=arguments.agents_port,
            operators_host=arguments.operators_host,
            operators_port=arguments.operators_port,
        )
        if arguments.operators_host not in LOOPBACK:
            console.note(f"operators are answered at {arguments.operators_host}: put TLS before it")
        if arguments.host not in LOOPBACK:
            console.note(f"agents are answered at {arguments.host}: put TLS before it")
        if console.is_json:
            console.json({"agents": server.agents_address, "operators": server.operators_address})
        else:
            console.data(f"agents    {server.agents_address}\noperators {server.operators_address}")
        console.out.flush()
        with stopping_on_signals(server.stop):
            server.serve()
        console.note("stopped")
    return 0


def _key(console: Console) -> int:
    from afluente.fleet.documents import new_signing_key

    console.data(new_signing_key())
    return 0


def _operator(arguments: Namespace, console: Console) -> int:
    with open_workspace(arguments) as workspace:
        from afluente.fleet import operators
        from afluente.hub.project_hub import fleet_settings

        fleet_settings(workspace)
        with workspace.state.write() as connection:
            token = operators.create(
                connection,
                arguments.name,
                arguments.role,
                by=getpass.getuser(),
                at=workspace.clock.now(),
                days=arguments.days,
            )
        if console.is_json:
            console.json({"name": arguments.name, "role": arguments.role, "token": token})
        else:
            console.note(f"the token of {arguments.name}, {arguments.role}: it is shown here and never again")
            console.data(token)
    return 0

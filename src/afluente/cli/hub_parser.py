"""The words of `afluente hub`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afluente.cli.grammar import add_command

if TYPE_CHECKING:
    from afluente.cli.grammar import Commands


def add_hub(commands: Commands) -> None:
    """The command and all of its actions."""
    hub = add_command(commands, "hub", "the hub of the fleet: its doors, its keys and its operators")
    actions = hub.add_subparsers(dest="action", metavar="ACTION", required=True)
    serve = add_command(actions, "serve", "answer agents and operators, load what was sent, and diagnose")
    serve.add_argument("--host", default="127.0.0.1", help="where agents are answered (default: loopback only)")
    serve.add_argument("--agents-port", type=int, default=8471, help="the agents' port; 0 takes a free one")
    serve.add_argument("--operators-host", default="127.0.0.1", help="where operators are (default: loopback only)")
    serve.add_argument("--operators-port", type=int, default=8472, help="the operators' port; 0 takes a free one")
    add_command(actions, "key", "make a key that signs documents, and write it to standard output: keep it as a secret")
    operator = add_command(actions, "operator", "make an operator, or give one a new token; it is shown once")
    operator.add_argument("name", help="such as ana or ana@ong.org")
    operator.add_argument("--role", choices=("reader", "operator", "administrator"), default="reader")
    operator.add_argument("--days", type=int, default=90, help="for how long the token is good (default: 90)")

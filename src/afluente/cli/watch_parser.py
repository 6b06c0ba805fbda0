"""The words of `afluente watch`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afluente.cli.grammar import add_command

if TYPE_CHECKING:
    from afluente.cli.grammar import Commands, Parser


def add_watch(commands: Commands) -> None:
    """The command and all of its actions."""
    watch = add_command(commands, "watch", "alerts, silences, incidents and baselines; alone, how things stand")
    actions = watch.add_subparsers(dest="action", metavar="ACTION")
    add_command(actions, "status", "what stands open, what waits to be told, and what each channel got this week")
    _alerts(actions)
    _silences(actions)
    _incidents(actions)
    add_command(actions, "notify", "read what happened and tell people now")
    baseline = add_command(actions, "baseline", "what is expected of a figure; alone, which figures are known")
    baseline.add_argument("subject", nargs="?", metavar="SUBJECT", help="such as product/vendas/vendas_dia")
    baseline.add_argument("metric", nargs="?", metavar="METRIC", help="such as rows or receita")
    baseline.add_argument("--last", type=int, default=14, help="how many figures to show (default: 14)")
    baseline.add_argument("--state", default="", metavar="UF", help="also the holidays of this state")


def _alerts(actions: Commands) -> None:
    alerts = add_command(actions, "alerts", "the alerts that stand, the gravest first")
    alerts.add_argument("--all", action="store_true", dest="is_all", help="also those that are resolved")
    show = add_command(actions, "show", "one alert in full")
    acknowledge = add_command(actions, "ack", "tell no more of an alert until it grows graver or ends")
    resolve = add_command(actions, "resolve", "end an alert by hand")
    for parser in (show, acknowledge, resolve):
        parser.add_argument("fingerprint", metavar="FP", help="its fingerprint, or the beginning of it")
    _reason(acknowledge)


def _silences(actions: Commands) -> None:
    silence = add_command(actions, "silence", "tell nothing of what matches, for so many hours")
    silence.add_argument(
        "--match",
        action="append",
        required=True,
        metavar="FIELD=GLOB",
        help="subject=gold.*, kind=, severity=, code= or owner=; all have to match",
    )
    silence.add_argument("--hours", type=float, required=True, help="for how long")
    _reason(silence)
    add_command(actions, "silences", "the silences that go on")
    unsilence = add_command(actions, "unsilence", "end a silence now")
    unsilence.add_argument("id", help="the silence's id")


def _incidents(actions: Commands) -> None:
    incident = add_command(actions, "incident", "spans that are no part of any baseline")
    inner = incident.add_subparsers(dest="incident_action", metavar="ACTION", required=True)
    adding = add_command(inner, "add", "keep a span out of the baselines of a subject")
    adding.add_argument("subject", metavar="SUBJECT", help="such as product/vendas/vendas_dia")
    adding.add_argument("--metric", default="", help="only this figure (default: all)")
    adding.add_argument("--from", dest="first", required=True, metavar="DAY", help="the first day, YYYY-MM-DD")
    adding.add_argument("--to", dest="last", required=True, metavar="DAY", help="the last day, YYYY-MM-DD")
    _reason(adding)
    add_command(inner, "list", "every incident")


def _reason(parser: Parser) -> None:
    parser.add_argument("--reason", required=True, help="why; it is kept")
    parser.add_argument("--by", default="", metavar="NAME", help="who says so (default: the user of this machine)")

"""The words of `afluente watch`. Imports nothing, so that `--help` is quick."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from afluente.cli.parser import Commands, Parser

    Add = Callable[[Commands, str, str], Parser]


def add_watch(commands: Commands, add: Add) -> None:
    """The command and all of its actions. `add` makes a parser with the options that every command has."""
    watch = add(commands, "watch", "alerts, silences, incidents and baselines; alone, how things stand")
    actions = watch.add_subparsers(dest="action", metavar="ACTION")
    add(actions, "status", "what stands open, what waits to be told, and what each channel got this week")
    _alerts(actions, add)
    _silences(actions, add)
    _incidents(actions, add)
    add(actions, "notify", "read what happened and tell people now")
    baseline = add(actions, "baseline", "what is expected of a figure; alone, which figures are known")
    baseline.add_argument("subject", nargs="?", metavar="SUBJECT", help="such as product/vendas/vendas_dia")
    baseline.add_argument("metric", nargs="?", metavar="METRIC", help="such as rows or receita")
    baseline.add_argument("--last", type=int, default=14, help="how many figures to show (default: 14)")
    baseline.add_argument("--state", default="", metavar="UF", help="also the holidays of this state")


def _alerts(actions: Commands, add: Add) -> None:
    alerts = add(actions, "alerts", "the alerts that stand, the gravest first")
    alerts.add_argument("--all", action="store_true", dest="is_all", help="also those that are resolved")
    show = add(actions, "show", "one alert in full")
    acknowledge = add(actions, "ack", "tell no more of an alert until it grows graver or ends")
    resolve = add(actions, "resolve", "end an alert by hand")
    for parser in (show, acknowledge, resolve):
        parser.add_argument("fingerprint", metavar="FP", help="its fingerprint, or the beginning of it")
    _reason(acknowledge)


def _silences(actions: Commands, add: Add) -> None:
    silence = add(actions, "silence", "tell nothing of what matches, for so many hours")
    silence.add_argument(
        "--match",
        action="append",
        required=True,
        metavar="FIELD=GLOB",
        help="subject=gold.*, kind=, severity=, code= or owner=; all have to match",
    )
    silence.add_argument("--hours", type=float, required=True, help="for how long")
    _reason(silence)
    add(actions, "silences", "the silences that go on")
    unsilence = add(actions, "unsilence", "end a silence now")
    unsilence.add_argument("id", help="the silence's id")


def _incidents(actions: Commands, add: Add) -> None:
    incident = add(actions, "incident", "spans that are no part of any baseline")
    inner = incident.add_subparsers(dest="incident_action", metavar="ACTION", required=True)
    adding = add(inner, "add", "keep a span out of the baselines of a subject")
    adding.add_argument("subject", metavar="SUBJECT", help="such as product/vendas/vendas_dia")
    adding.add_argument("--metric", default="", help="only this figure (default: all)")
    adding.add_argument("--from", dest="first", required=True, metavar="DAY", help="the first day, YYYY-MM-DD")
    adding.add_argument("--to", dest="last", required=True, metavar="DAY", help="the last day, YYYY-MM-DD")
    _reason(adding)
    add(inner, "list", "every incident")


def _reason(parser: Parser) -> None:
    parser.add_argument("--reason", required=True, help="why; it is kept")
    parser.add_argument("--by", default="", metavar="NAME", help="who says so (default: the user of this machine)")

"""The words of `afluente fleet`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afluente.cli.grammar import add_command

if TYPE_CHECKING:
    from afluente.cli.grammar import Commands, Parser

REMEDIES = ("resend", "diagnose", "rotate-key", "change-schedule", "roll-back", "update")


def add_fleet(commands: Commands) -> None:
    """The command and all of its actions."""
    fleet = add_command(
        commands, "fleet", "the municipalities' agents; alone, who sent, who did not, why, and what to do"
    )
    actions = fleet.add_subparsers(dest="action", metavar="ACTION")
    _sites(actions)
    _diagnosis(actions)
    remedy = add_command(
        actions, "remedy", "ask an agent to do something at its next heartbeat; it is kept in the audit log"
    )
    remedy.add_argument("site", metavar="SITE")
    remedy.add_argument("kind", metavar="KIND", choices=REMEDIES, help=", ".join(REMEDIES))
    remedy.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter, such as hour=19")
    _reason(remedy)
    catalogue = add_command(actions, "catalogue", "sign the lists that agents read, and publish them")
    catalogue.add_argument("catalogue", metavar="FOLDER", help="with catalogo.yaml and the SQL of each list")
    _by(catalogue)
    _updates(actions)


def _sites(actions: Commands) -> None:
    enrol = add_command(actions, "enrol", "make sites and one-off install commands from a CSV of municipalities")
    enrol.add_argument("file", metavar="CSV", help="columns codigo_ibge, nome, uf and optionally contato, fuso, anel")
    enrol.add_argument("--hub", required=True, metavar="URL", help="where agents reach the hub, https://...")
    enrol.add_argument("--days", type=float, default=7.0, help="for how long the codes are good (default: 7)")
    enrol.add_argument("--output", metavar="FILE", help="write the CSV there instead of to standard output")
    _by(enrol)
    listing = add_command(actions, "list", "every site, how it stands and when it was seen")
    listing.add_argument("--uf", default="", help="only of this state")
    listing.add_argument("--status", default="", choices=("invited", "active", "paused", "retired"))
    show = add_command(actions, "show", "one site: its agent, its lists, its verdicts, its remedies and what it told")
    show.add_argument("site", metavar="SITE")


def _diagnosis(actions: Commands) -> None:
    diagnose = add_command(
        actions, "diagnose", "judge every site now, keep the verdicts, and show those that need somebody"
    )
    diagnose.add_argument("site", nargs="?", default="", metavar="SITE", help="show only this one, with its message")
    diagnose.add_argument("--day", metavar="DAY", help="judge this day instead of today, YYYY-MM-DD")
    diagnose.add_argument("--all", action="store_true", dest="is_all", help="also verdicts with nothing to do")
    summary = add_command(actions, "summary", "as of now: sent, late, silent, why, and what to do; writes nothing")
    summary.add_argument("--check", action="store_true", help="end with 1 when somebody has to do something")
    holiday = add_command(actions, "holiday", "tell of a day that the calendar does not know")
    holiday.add_argument("place", metavar="PLACE", help="a code IBGE, a state (SP), or BR")
    holiday.add_argument("day", metavar="DAY", help="YYYY-MM-DD")
    holiday.add_argument("name", metavar="NAME", help="such as Padroeira")
    holiday.add_argument("--kind", choices=("holiday", "optional", "workday"), default="holiday")
    _by(holiday)


def _updates(actions: Commands) -> None:
    update = add_command(actions, "update", "updates of the agents, ring by ring")
    inner = update.add_subparsers(dest="update_action", metavar="ACTION", required=True)
    add_command(inner, "list", "every rollout, with its agents by ring")
    add_command(inner, "init", "make the update repository; its first root is what installers pin")
    rotate = add_command(inner, "rotate", "a new root, whose keys are those of `fleet: update_keys` from now on")
    rotate.add_argument(
        "--old-root",
        action="append",
        required=True,
        metavar="REFERENCE",
        help="a root key of before, such as secret:file:chaves/raiz1; once for each",
    )
    version = add_command(inner, "add", "pack and sign a version that can then be offered")
    version.add_argument("version", metavar="VERSION")
    version.add_argument("source", metavar="FOLDER", help="the files of the version")
    version.add_argument("--platform", default="any", help="such as linux-x86_64 (default: any)")
    start = add_command(inner, "start", "offer a version to the first ring")
    start.add_argument("version", metavar="VERSION")
    _reason(start)
    for name, summary in (
        ("hold", "offer it to no further agent"),
        ("resume", "go on with a rollout that was held"),
        ("roll-back", "bring every agent back to the version before"),
    ):
        steering = add_command(inner, name, summary)
        steering.add_argument("rollout", nargs="?", default="", metavar="ID", help="(default: the newest that goes)")
        _reason(steering)


def _reason(parser: Parser) -> None:
    parser.add_argument("--reason", required=True, help="why; it is kept")
    _by(parser)


def _by(parser: Parser) -> None:
    parser.add_argument("--by", default="", metavar="NAME", help="who says so (default: the user of this machine)")

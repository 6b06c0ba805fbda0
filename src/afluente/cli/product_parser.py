"""The words of `afluente product`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afluente.cli.grammar import add_command

if TYPE_CHECKING:
    from afluente.cli.grammar import Commands, Parser


def add_product(commands: Commands) -> None:
    """The command and all of its actions."""
    product = add_command(
        commands, "product", "what is released to partners: plan, release, deliver, and answer for it"
    )
    actions = product.add_subparsers(dest="action", metavar="ACTION", required=True)
    _releases(actions)
    _decisions(actions)
    _deliveries(actions)
    _partners(actions)
    _accounts(actions)


def _releases(actions: Commands) -> None:
    listing = add_command(actions, "list", "the products, or the releases of one")
    listing.add_argument("product", nargs="?", default="", metavar="PRODUCT", help="a product")
    plan = add_command(actions, "plan", "what would be released now, and why it would be held; writes nothing")
    release = add_command(actions, "release", "build the next release")
    for parser in (plan, release):
        _product(parser)
        parser.add_argument("--from", dest="first", metavar="DAY", help="the first day to tell, YYYY-MM-DD")
        parser.add_argument("--to", dest="last", metavar="DAY", help="the last day to tell, YYYY-MM-DD")
        parser.add_argument(
            "--replaces", type=int, metavar="N", help="the number of the release that this one corrects"
        )
    _by(release)
    verify = add_command(actions, "verify", "hold a release against its manifest, its signature and the audit log")
    _product(verify)
    _number(verify, "the newest one")
    verify.add_argument("--delivery", metavar="NAME", help="look at what the partner holds through this delivery")
    report = add_command(actions, "report", "the report of a release")
    _product(report)
    _number(report, "the newest one")


def _decisions(actions: Commands) -> None:
    approve = add_command(actions, "approve", "let a held release through, in your name")
    _product(approve)
    _number(approve, "the held one")
    _reason(approve, "why it may leave")
    _by(approve)
    withdraw = add_command(actions, "withdraw", "take a release back: what still waits is not sent")
    withdraw.add_argument("product", metavar="PRODUCT", help="a product")
    withdraw.add_argument("number", type=int, metavar="N", help="a release's number")
    _reason(withdraw, "what was wrong")
    _by(withdraw)


def _deliveries(actions: Commands) -> None:
    deliver = add_command(actions, "deliver", "send what is due")
    deliver.add_argument("products", nargs="*", metavar="PRODUCT", help="only these products")
    deliver.add_argument("--limit", type=int, default=100, help="deliveries at most (default: 100)")
    redeliver = add_command(actions, "redeliver", "make deliveries that ended wait again")
    _product(redeliver)
    _number(redeliver, "the newest one")
    redeliver.add_argument(
        "--delivery",
        action="append",
        default=[],
        metavar="NAME",
        help="this one, even if it arrived (default: the dead)",
    )
    _reason(redeliver, "why it is sent again")
    _by(redeliver)


def _partners(actions: Commands) -> None:
    for name, summary, why in (
        ("pause", "send nothing to a partner until it is resumed", "why nothing is sent"),
        ("resume", "send to a partner again", "why it receives again"),
        ("revoke", "release and send nothing more to a partner", "why it receives nothing more"),
    ):
        parser = add_command(actions, name, summary)
        parser.add_argument("partner", metavar="PARTNER", help="a partner, as the products name it")
        _reason(parser, why)
        _by(parser)


def _accounts(actions: Commands) -> None:
    ledger = add_command(actions, "ledger", "what each partner received, when, and on which legal basis")
    ledger.add_argument("--partner", default="", help="only this partner")
    audit = add_command(actions, "audit", "who did what, and whether the log is whole")
    audit.add_argument("--subject", default="", help="only what is about this, such as product/vendas#3")
    diff = add_command(actions, "diff", "two versions of a contract: what breaks, and the notice to the partner")
    diff.add_argument("old", metavar="OLD", help="the contract's file as it was")
    diff.add_argument("new", metavar="NEW", help="the contract's file as it will be")
    diff.add_argument("--title", default="", help="what the notice calls the product (default: the contract)")
    erase = add_command(actions, "erase", "follow one person through the project and erase them (LGPD art. 18)")
    erase.add_argument("file", nargs="?", metavar="FILE", help='a JSON file: {"silver.clientes.cpf": "..."}')
    erase.add_argument("--verify", action="store_true", help="look for erased people who came back with a source")
    erase.add_argument("--yes", action="store_true", help="erase; without it only say what would go")
    erase.add_argument("--several", action="store_true", help="allow identifiers that several persons share")
    erase.add_argument("--reason", default="", metavar="TEXT", help="the request, without the person (with FILE)")
    _by(erase)
    expire = add_command(actions, "expire", "remove releases and retire keys whose time is over")
    expire.add_argument("--yes", action="store_true", help="remove; without it only say what would go")
    _by(expire)


def _product(parser: Parser) -> None:
    parser.add_argument("product", nargs="?", default="", metavar="PRODUCT", help="a product (default: the only one)")


def _number(parser: Parser, default: str) -> None:
    parser.add_argument("number", nargs="?", type=int, metavar="N", help=f"a release's number (default: {default})")


def _reason(parser: Parser, what: str) -> None:
    parser.add_argument("--reason", required=True, metavar="TEXT", help=what)


def _by(parser: Parser) -> None:
    parser.add_argument(
        "--by", default="", metavar="NAME", help="who answers for it (default: the user of this machine)"
    )

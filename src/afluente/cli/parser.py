"""The words of the command line. Building the parser imports nothing but argparse, so that `--help` is quick."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afluente import __version__
from afluente.cli.fleet_parser import add_fleet
from afluente.cli.grammar import Parser, add_command
from afluente.cli.hub_parser import add_hub
from afluente.cli.product_parser import add_product
from afluente.cli.watch_parser import add_watch

if TYPE_CHECKING:
    from afluente.cli.grammar import Commands


def build_parser() -> Parser:
    """The whole grammar. The chosen command stands in `command`, and is the name of its module."""
    parser = Parser(
        prog="afluente",
        allow_abbrev=False,
        description="Collect, refine, deliver and watch data: from dirty files to trustworthy gold.",
        epilog="Exit status: 0 done; 1 a run failed; 2 the command or the project is wrong; 3 the data was refused.",
    )
    parser.add_argument("--version", action="version", version=f"afluente {__version__}")
    parser.add_argument("-C", dest="folder", metavar="DIR", default=".", help="run in the project of this folder")
    parser.add_argument("--json", action="store_true", help="write JSON to standard output")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _project_commands(commands)
    _run_commands(commands)
    _data_commands(commands)
    add_product(commands)
    add_watch(commands)
    add_fleet(commands)
    add_hub(commands)
    _machine_commands(commands)
    return parser


def _project_commands(commands: Commands) -> None:
    init = add_command(commands, "init", "make a new project")
    init.add_argument("name", help="the project's name and its folder's")
    init.add_argument("--template", default=None, metavar="T", help="the template to copy")
    add_command(commands, "check", "read and validate every file of the project; touches no data")
    compile_ = add_command(commands, "compile", "show the SQL that a model runs as, and where its columns come from")
    compile_.add_argument("model", help="a gold table")
    compile_.add_argument("--engine", choices=("duckdb", "spark"), help="the engine to compile for")
    parity = add_command(
        commands, "parity", "run each model on DuckDB and on Spark over a sample, and compare the rows"
    )
    parity.add_argument("models", nargs="*", metavar="MODEL", help="only these gold tables")
    parity.add_argument("--engine", metavar="URL", help="the Spark Connect server, sc://host:port")
    parity.add_argument("--rows", type=int, default=10_000, help="rows of each input table (default: 10000)")


def _run_commands(commands: Commands) -> None:
    run = add_command(commands, "run", "bring in what is new and refine it")
    run.add_argument("tables", nargs="*", metavar="TABLE", help="only these tables and what they come from")
    run.add_argument("--full-refresh", action="store_true", help="make the tables anew from all rows")
    serve = add_command(commands, "serve", "keep the schedules and answer /health and /api/runs")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: loopback only)")
    serve.add_argument("--port", type=int, default=8470, help="the port to listen on; 0 takes a free one")
    runs = add_command(commands, "runs", "list the runs, show one, or go on with an interrupted one")
    actions = runs.add_subparsers(dest="action", metavar="ACTION")
    listing = add_command(actions, "list", "the newest runs")
    listing.add_argument("--limit", type=_count, default=20, help="how many (default: 20)")
    part = "its id, or 8 characters of its beginning or end"
    show = add_command(actions, "show", "one run, step by step")
    show.add_argument("id", nargs="?", help=f"{part}; the newest run when left out")
    add_command(actions, "resume", "go on with a run that did not finish").add_argument("id", help=part)


def _data_commands(commands: Commands) -> None:
    tables = add_command(commands, "tables", "rows, size, version, freshness and owner of the tables")
    actions = tables.add_subparsers(dest="action", metavar="ACTION")
    add_command(actions, "list", "every table")
    show = add_command(actions, "show", "one table: columns, rules, lineage, history")
    show.add_argument("name", help="a table, as layer.name")
    optimize = add_command(actions, "optimize", "join small files; changes no row")
    optimize.add_argument("name", help="a table, as layer.name")
    vacuum = add_command(actions, "vacuum", "delete files that only old versions need")
    vacuum.add_argument("name", help="a table, as layer.name")
    vacuum.add_argument("--retention-hours", type=float, default=168.0, help="keep versions this young (default: 168)")
    vacuum.add_argument("--full", action="store_true", help="also the files of attempts that died")
    vacuum.add_argument("--yes", action="store_true", help="delete; without it only say what would go")
    sql = add_command(commands, "sql", "ask the tables a question in Spark SQL")
    sql.add_argument("query", help='a SELECT, such as "SELECT * FROM gold.vendas_mes"')
    sql.add_argument("--format", choices=("table", "csv", "json", "parquet"), default="table", help="how to answer")
    sql.add_argument("--output", metavar="FILE", help="write there instead of to standard output (parquet needs it)")
    sql.add_argument("--limit", type=int, help="rows at most; 0: all (default: 1000 for a table, all otherwise)")
    sql.add_argument(
        "--at", metavar="TABLE=VERSION", action="append", default=[], help="read a table as it was: a version, a moment"
    )
    _quarantine(commands)


def _quarantine(commands: Commands) -> None:
    quarantine = add_command(commands, "quarantine", "the rows that were refused, why, and how to bring them back")
    actions = quarantine.add_subparsers(dest="action", metavar="ACTION")
    add_command(actions, "summary", "how many rows of each table were refused, by rule")
    show = add_command(actions, "show", "refused rows of a table with their reasons")
    show.add_argument("table", help="a table, as silver.name")
    show.add_argument("--rule", help="only rows that broke this rule")
    show.add_argument("--limit", type=int, default=20, help="rows at most (default: 20)")
    show.add_argument("--reveal", action="store_true", help="show the values of restricted columns")
    replay = add_command(actions, "replay", "bring back the rows that today's contract accepts, once each")
    replay.add_argument("table", help="a table, as silver.name")


def _machine_commands(commands: Commands) -> None:
    demo = add_command(commands, "demo", "run a reference project, end to end, on this machine")
    demo.add_argument("name", nargs="?", default="ouchhungry", help="the reference project (default: ouchhungry)")
    demo.add_argument("--into", metavar="DIR", help="leave the project it made in this folder")
    demo.add_argument("--rows", type=int, help="how many rows to simulate, where the project simulates")
    demo.add_argument("--list", action="store_true", help="list the reference projects")
    add_command(commands, "doctor", "what is missing on this machine, and how to mend it")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number

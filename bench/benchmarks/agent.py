"""How long the agent takes to start beside a bare interpreter, and the memory it keeps while it waits."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.contender import Contender, Measurement, measure, middle
from bench.registry import Options
from bench.report import show_measurements

DEFAULT_ROWS = 1
SUMMARY = "afluente-agent --version against python -c pass, and its memory while idle"
TIMES = 10
SETTLE_SECONDS = 3.0
MOST_SECONDS = 60.0


def run(options: Options) -> float | None:
    """The median seconds of `--version` over those of `python -c pass`."""
    commands = {"python -c": ["-c", "pass"], "--version": ["-m", "afluente_agent", "--version"]}
    contenders = [Contender(name, [sys.executable, *command]) for name, command in commands.items()]
    for contender in contenders:
        measure(contender)
    taken: dict[str, list[Measurement]] = {contender.name: [] for contender in contenders}
    for _ in range(TIMES):
        for contender in contenders:
            taken[contender.name].append(measure(contender))
    measured = {name: middle(runs) for name, runs in taken.items()}
    show_measurements(measured)
    _idle()
    if measured["--version"].failure:
        return None
    return measured["--version"].seconds / measured["python -c"].seconds


def _idle() -> None:
    """An agent that was enrolled at a hub of this process, after its first heartbeat."""
    import sqlalchemy as sa

    from afluente.core.clock import SystemClock
    from afluente.fleet import enrolment, sites
    from afluente.fleet.documents import HubSigner, new_signing_key
    from afluente.hub.parts import HubParts
    from afluente.hub.serve import HubServer
    from afluente.hub.settings import HubSettings
    from afluente.state.database import open_state
    from afluente.state.fleet_schema import AGENTS
    from afluente_agent.enrol import enrol
    from afluente_agent.settings import DataFolder

    with tempfile.TemporaryDirectory(prefix="afluente-bench-") as scratch:
        folder = Path(scratch)
        with open_state("sqlite:///.afluente/state.db", folder) as database:
            clock = SystemClock()
            with database.write() as connection:
                new = sites.NewSite("a", "3550308", "SP", "Site a")
                sites.register(connection, [new], by="bench", at=clock.now())
                [(_, token)] = enrolment.create_tokens(connection, ["a"], by="bench", at=clock.now(), days=1)
            signer = HubSigner.from_texts([new_signing_key()])
            server = HubServer(HubParts(database, clock, signer, HubSettings()), agents_port=0, operators_port=0)
            server.start()
            try:
                home = DataFolder(folder / "agent")
                enrol(home, hub=server.agents_address, token=token, now=time.time, proxy="none")
                command = [sys.executable, "-m", "afluente_agent", "run", "--home", str(home.root)]
                with subprocess.Popen(command) as process:
                    try:
                        began = time.monotonic()
                        is_seen = False
                        while not is_seen and time.monotonic() - began < MOST_SECONDS:
                            time.sleep(0.25)
                            with database.read() as connection:
                                is_seen = bool(connection.execute(sa.select(AGENTS.c.sequence)).scalar_one())
                        time.sleep(SETTLE_SECONDS)
                        words = f"{_memory_mib(process.pid):.1f} MiB" if is_seen else "not measured: no heartbeat"
                        print(f"  idle after a heartbeat: {words}")
                    finally:
                        process.terminate()
            finally:
                server.stop()


def _memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024

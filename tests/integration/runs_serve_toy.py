"""`serve` over the toy pipeline, in a process of its own: `python runs_serve_toy.py ROOT CRON SECONDS_A_STEP`."""

from __future__ import annotations

import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from runs_toy import PLAN, Toy, leaving_a_sign

from afluente.runs.api import ApiServer
from afluente.runs.cron import Cron
from afluente.runs.execute import Runs
from afluente.runs.schedule import Timetable
from afluente.runs.serve import Planned, Scheduler, plain_reporter
from afluente.runs.signals import stopping_on_signals
from afluente.state.database import open_state


def main() -> int:
    root, cron, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    on_report, on_error = plain_reporter(sys.stderr)
    with open_state("sqlite:///.afluente/state.db", root) as database:
        runs = Runs(database, project_root=root, pipeline="toy", runner=Toy(root, seconds))
        timetable = Timetable(pipeline="toy", name="cedo", cron=Cron.parse(cron), zone=ZoneInfo("America/Sao_Paulo"))
        scheduler = Scheduler(
            database,
            pipeline="toy",
            runs=runs,
            timetables=[timetable],
            plan_for=lambda _name: Planned(PLAN, (), "duckdb", "2.0.0"),
            on_report=on_report,
            on_error=on_error,
            look_seconds=0.05,
        )
        api = ApiServer(database, health=scheduler.health, port=0)
        api.start()
        print(api.address, flush=True)
        with stopping_on_signals(leaving_a_sign(root, scheduler.stop)):
            scheduler.serve_forever()
        api.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

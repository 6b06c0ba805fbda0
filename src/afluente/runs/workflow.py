"""The durable workflow: one DBOS workflow a run, two DBOS steps an attempt at a step (prepare, run).

Invariant: the workflow asks for the same steps under the same numbers whenever it is replayed: numbers are
reserved in the plan's order before anything runs, as many attempts as MOST_ATTEMPTS. Whoever changes that shape
bumps APPLICATION_VERSION. Importing this module imports DBOS, so it is imported when a run starts.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, wait
from pathlib import Path

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID, StepReservation
from dbos import error as dbos_error

from afluente.core.errors import RunError
from afluente.runs.drive import Interrupted, drive
from afluente.runs.execution import Execution, Prepared
from afluente.runs.outcome import StepOutcome
from afluente.runs.plan import Plan, Step
from afluente.runs.retry import MOST_ATTEMPTS
from afluente.runs.sqlite_clock import give_subseconds
from afluente.state.database import Database, make_folder, sqlite_engine
from afluente.state.failures import translated
from afluente.state.runs_table import RunStatus

APPLICATION_VERSION = "1"
POLL_SECONDS = 0.05
NAP_SECONDS = 0.2

_executions: dict[str, tuple[Execution, Future[RunStatus]]] = {}
_launched: tuple[str, str] | None = None
_launching = threading.Lock()


def launch(database: Database, *, project_root: Path, executor_id: str) -> None:
    """Start DBOS in this process, on `.afluente/runs.db` or on the PostgreSQL of the state; once a process."""
    global _launched  # noqa: PLW0603 - DBOS is one a process
    url = database.engine.url.render_as_string(hide_password=False)
    place = _place(database, project_root)
    if database.is_sqlite:
        url = f"sqlite:///{place}"
    with _launching:
        if _launched == (url, executor_id):
            return
        if _launched is not None:
            DBOS.destroy()
            _launched = None
        _silence()
        config = DBOSConfig(
            name="afluente",
            application_version=APPLICATION_VERSION,
            executor_id=executor_id,
            serializer=DBOSPortableJSONSerializer(),
            system_database_url=url,
            log_level="CRITICAL",
            enable_otlp=False,
            scheduler_polling_interval_sec=3600.0,
            notification_listener_polling_interval_sec=POLL_SECONDS,
        )
        if database.is_sqlite:
            make_folder(Path(place).parent)
            engine = sqlite_engine(Path(place), is_begun_by_driver=True)
            give_subseconds(engine)
            config["system_database_engine"] = engine
        try:
            with translated(place):
                DBOS(config=config)
                DBOS.listen_queues([_queue(executor_id)])
                DBOS.launch()
        except BaseException:
            DBOS.destroy()
            raise
        _launched = (url, executor_id)


def shut_down() -> None:
    """Stop DBOS in this process. A run that goes on is interrupted."""
    global _launched  # noqa: PLW0603
    with _launching:
        if _launched is not None:
            DBOS.destroy()
            _launched = None


def carry_out(execution: Execution, *, project_root: Path, takeovers: int) -> RunStatus:
    """Start or go on with the execution's workflow in this process, and wait until it ends.

    Raises Interrupted when asked to stop, and StateError when what happened could not be written down.
    """
    with translated(_place(execution.database, project_root)):
        return _carry_out(execution, takeovers=takeovers)


def _carry_out(execution: Execution, *, takeovers: int) -> RunStatus:
    workflow_id = execution.run_id
    known = DBOS.get_workflow_status(workflow_id)
    if known is not None and known.status in ("SUCCESS", "ERROR"):
        workflow_id = f"{execution.run_id}.{takeovers}"
        known = DBOS.get_workflow_status(workflow_id)
    ended: Future[RunStatus] = Future()
    _executions[workflow_id] = (execution, ended)
    try:
        if known is None:
            with SetWorkflowID(workflow_id):
                handle = DBOS.start_workflow(_run_workflow, workflow_id, execution.plan.to_json())
        else:
            queue = _queue(execution.executor_id)
            DBOS.register_queue(queue, polling_interval_sec=POLL_SECONDS, on_conflict="always_update")
            handle = DBOS.resume_workflow(workflow_id, queue_name=queue)
        status = _wait_for(ended)
        handle.get_result(polling_interval_sec=POLL_SECONDS)
        DBOS.delete_workflow(workflow_id)
    finally:
        del _executions[workflow_id]
    return status


def _wait_for(ended: Future[RunStatus]) -> RunStatus:
    """The status, waited for in short naps: a signal that another thread received wakes no sleeping main thread."""
    while not ended.done():
        wait([ended], timeout=NAP_SECONDS)
    return ended.result()


@DBOS.workflow(name="afluente.run")
def _run_workflow(workflow_id: str, plan_text: str) -> str:
    execution, ended = _executions[workflow_id]
    try:
        status = _walk(execution, Plan.from_json(plan_text))
    except Interrupted as interrupted:
        ended.set_exception(interrupted)
        raise
    except (dbos_error.DBOSException, dbos_error.DBOSBaseException) as error:
        # Another process owns the workflow. DBOS would wait for its end here; this process has to stop instead.
        ended.set_exception(_translated(error))
        raise Interrupted from error
    except BaseException as error:
        ended.set_exception(error)
        raise
    ended.set_result(status)
    return status


def _walk(execution: Execution, plan: Plan) -> RunStatus:
    reserved = {step.name: [(DBOS.reserve_step(), DBOS.reserve_step()) for _ in range(MOST_ATTEMPTS)] for step in plan}
    outcomes = drive(
        plan,
        limits=execution.limits,
        run_one=lambda step: _attempt(execution, step, reserved[step.name]),
        skip_one=execution.skip,
        stop=execution.stop,
    )
    return execution.end(outcomes)


def _attempt(execution: Execution, step: Step, reserved: list[tuple[StepReservation, StepReservation]]) -> StepOutcome:
    """Try a step until it ends for good. Attempts that ended in an earlier process are replayed, not repeated."""
    outcome: StepOutcome | None = None
    for attempt, (prepare, run) in enumerate(reserved, 1):
        prepared = prepare.run({"name": f"prepare {step.name} {attempt}"}, execution.prepare, step, attempt)
        outcome = Prepared.from_json(prepared).outcome
        if outcome is None:
            outcome_text = run.run({"name": f"run {step.name} {attempt}"}, execution.run, step, attempt, prepared)
            outcome = StepOutcome.from_json(outcome_text)
        if not execution.will_retry(outcome, attempt):
            break
    if outcome is None:
        raise AssertionError("no attempt was reserved")
    return outcome


def _place(database: Database, project_root: Path) -> str:
    return str(project_root / ".afluente" / "runs.db") if database.is_sqlite else database.place


def _queue(executor_id: str) -> str:
    return f"exec-{executor_id}"


def _translated(error: BaseException) -> RunError:
    return RunError(
        "runs.lost",
        f"the run's workflow cannot go on in this process: {type(error).__name__}",
        hint="another process may have taken it over: `afluente runs list` shows who runs it",
    )


def _silence() -> None:
    """Keep DBOS's own lines off the terminal: what matters is in the run's log."""
    logger = logging.getLogger("dbos")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())

"""Evaluates the quality rules of a contract over a view.

Invariant: as many outcomes as rules, in their order; whatever keeps a rule from being executed becomes its outcome,
so that no rule is passed over in silence.
"""

from __future__ import annotations

from collections.abc import Sequence

from afluente.conform.engine_dialect import dialect_of
from afluente.conform.quality.custom import measure_custom
from afluente.conform.quality.duplicates import measure_duplicates
from afluente.conform.quality.metrics import COUNTED, Counted, counted, measure_counted, measure_rows
from afluente.conform.quality.operators import all_hold, threshold_text
from afluente.conform.quality.outcome import CannotExecute, Measurement, Outcome
from afluente.conform.quality.query import measure_query
from afluente.conform.quality.target import Target, Translate
from afluente.core.clock import Clock, SystemClock
from afluente.core.errors import AfluenteError
from afluente.core.language import Language, Message
from afluente.engines.engine import Engine
from afluente.project.contract import Contract, QualityRule

_METRICS = ("rowCount", "duplicateValues", *COUNTED)
_PASSED = Message("{name}: {measured} ({threshold})", "{name}: {measured} ({threshold})")
_FAILED = Message("{name}: {measured}, mas devia ser {threshold}", "{name}: {measured}, but must be {threshold}")
_ERROR = Message("{name}: não pôde ser executada: {reason}", "{name}: could not be executed: {reason}")

Answer = Measurement | AfluenteError | CannotExecute


def evaluate(
    rules: Sequence[QualityRule],
    contract: Contract,
    view: str,
    engine: Engine,
    *,
    language: Language = "pt",
    timezone: str = "UTC",
    translate: Translate | None = None,
    clock: Clock | None = None,
) -> list[Outcome]:
    """One outcome for each rule. Reads `view` once for its rows, once for all counting metrics, and once for each
    other rule. `translate` turns Spark SQL queries into the engine's dialect; on Spark it is not used. EngineError
    when the view itself cannot be read.
    """
    if not rules:
        return []
    dialect = dialect_of(engine)
    source = dialect.identifier(view)
    target = Target(
        contract=contract,
        view=view,
        engine=engine,
        dialect=dialect,
        schema=engine.query(f"SELECT * FROM {source} LIMIT 0").schema,
        rows_total=int(engine.query(f"SELECT count(*) AS n FROM {source}").to_pylist()[0]["n"]),
        timezone=timezone,
        now=(clock or SystemClock()).now(),
        translate=translate,
    )
    answers = _measure_all(rules, target)
    return [_outcome(rule, answers[number], target, language) for number, rule in enumerate(rules)]


def _measure_all(rules: Sequence[QualityRule], target: Target) -> dict[int, Answer]:
    answers: dict[int, Answer] = {}
    counts: dict[int, Counted] = {}
    columns = {name: number for number, name in enumerate(target.schema.names)}
    for number, rule in enumerate(rules):
        try:
            if rule.kind == "library" and rule.metric in COUNTED:
                counts[number] = counted(rule, target, columns.get(rule.column or "", len(columns)))
            else:
                answers[number] = _measure(rule, target)
        except (AfluenteError, CannotExecute) as error:
            answers[number] = error
    answers.update(zip(counts, measure_counted(list(counts.values()), target), strict=True))
    return answers


def _measure(rule: QualityRule, target: Target) -> Measurement:
    match rule.kind:
        case "sql":
            return measure_query(rule, target)
        case "custom":
            return measure_custom(rule, target)
        case "library":
            if rule.metric == "rowCount":
                return measure_rows(target, rule)
            if rule.metric == "duplicateValues":
                return measure_duplicates(rule, target)
            raise CannotExecute(
                f"a métrica '{rule.metric}' não existe",
                f"the metric '{rule.metric}' does not exist (known: {', '.join(_METRICS)})",
            )


def _outcome(rule: QualityRule, answer: Answer, target: Target, language: Language) -> Outcome:
    name = rule.name or " ".join(filter(None, (rule.metric or rule.kind, rule.column)))
    if isinstance(answer, Measurement):
        checks = answer.checks or rule.checks
        try:
            is_met = all_hold(checks, answer.values[answer.compared])
        except CannotExecute as error:
            return _not_executed(rule, name, error.reason, target, language)
        threshold = threshold_text(checks, "percent" if answer.compared == "percent" else "rows")
        measured = ", ".join(f"{key} {float(number):g}" for key, number in answer.values.items())
        template = _PASSED if is_met else _FAILED
        message = Message(
            template.pt.format(name=name, measured=measured, threshold=threshold),
            template.en.format(name=name, measured=measured, threshold=threshold),
        )
        return Outcome(
            rule=rule,
            status="passed" if is_met else "failed",
            values={key: float(number) for key, number in answer.values.items()},
            compared=answer.compared,
            threshold=threshold,
            message=message,
            text=_chosen(message, language),
            rows_total=target.rows_total,
        )
    reason = answer.reason if isinstance(answer, CannotExecute) else Message(answer.message, answer.message)
    return _not_executed(rule, name, reason, target, language)


def _not_executed(rule: QualityRule, name: str, reason: Message, target: Target, language: Language) -> Outcome:
    message = Message(_ERROR.pt.format(name=name, reason=reason.pt), _ERROR.en.format(name=name, reason=reason.en))
    return Outcome(
        rule=rule,
        status="error",
        values={},
        compared="",
        threshold=threshold_text(rule.checks, rule.unit),
        message=message,
        text=_chosen(message, language),
        rows_total=target.rows_total,
    )


def _chosen(message: Message, language: Language) -> str:
    return message.pt if language == "pt" else message.en

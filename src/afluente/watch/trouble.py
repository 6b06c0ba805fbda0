"""Which kind of alert an error code is.

Invariant: a code says by itself what somebody has to look at; one that is not named here is judged by where it
happened.
"""

from __future__ import annotations

from afluente.watch.alert import AlertKind

CREDENTIALS = (
    "source.login_refused",
    "source.permission",
    "secret.missing",
    "secret.empty",
    "secret.file",
    "secret.keyring",
    "secret.vault_refused",
    "secret.vault_settings",
    "mail.credentials",
    "delivery.credentials",
    "delivery.host_key",
)
CONNECTION = (
    "source.unreachable",
    "source.timeout",
    "source.unavailable",
    "engine.unreachable",
    "lake.unreachable",
    "state.unreachable",
    "secret.vault_unreachable",
    "mail.connection",
    "delivery.connection",
    "delivery.timeout",
)
CONTRACT = ("source.columns_differ", "source.column_missing", "source.type_changed", "lake.schema_mismatch")
SOURCE_PREFIX = "source."


def kind_of_step(step: str, code: str) -> AlertKind:
    """What a failed step's code asks for: `step` is its name, such as `source.pedidos` or `gold.vendas`."""
    if code in CREDENTIALS:
        return "credentials"
    if code in CONNECTION:
        return "connection"
    if code in CONTRACT:
        return "contract"
    return "extraction" if step.startswith(SOURCE_PREFIX) else "transformation"


def kind_of_reason(code: str) -> AlertKind:
    """What a release's reason asks for, such as `guardrail.volume` or `privacy.cell_narrowed`."""
    if code.startswith("privacy."):
        return "privacy"
    if code in ("guardrail.contract", "guardrail.schema") or code.startswith("contract."):
        return "contract"
    return "anomaly"

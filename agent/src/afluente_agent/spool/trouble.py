"""What can be wrong with the spool, in words for who is at the machine.

Invariant: what keeps a transmission from being stored has the code of the fact that is left of it.
"""

from __future__ import annotations

from afluente_agent import durable
from afluente_agent.errors import SpoolError
from afluente_agent.protocol import fact_codes

BROKEN = "spool.broken"
MISSING = "spool.missing"
FULL = fact_codes.SPOOL_FULL
DISK_FULL = fact_codes.DISK_FULL


def broken(what: str) -> SpoolError:
    """Bytes are not those that were written; `what` names a part of a transmission, never its content."""
    return SpoolError(
        BROKEN,
        f"uma remessa guardada em disco está danificada ({what}) e foi posta de lado",
        f"a stored transmission is damaged: {what}",
        "Não é preciso fazer nada: a lista será lida de novo. Se repetir, verifique o disco e o antivírus.",
    )


def missing() -> SpoolError:
    return SpoolError(
        MISSING,
        "a remessa já não está guardada nesta máquina",
        "the transmission is no longer in the spool",
        "Não é preciso fazer nada: a lista será lida de novo.",
    )


def full(code: str, *, waiting_bytes: int = 0) -> SpoolError:
    """No room for more: FULL by the limits of the spool, DISK_FULL by the disk."""
    if code == DISK_FULL:
        return SpoolError(
            DISK_FULL,
            "não há espaço em disco para guardar a remessa",
            "the disk has no room for the transmission",
            "Libere espaço no disco onde fica a pasta do agente; o envio recomeça sozinho.",
            evidence={"where": "fila de remessas"},
        )
    return SpoolError(
        FULL,
        "a fila de remessas desta máquina está cheia",
        "the spool is full",
        "Verifique a ligação com o hub: as remessas saem da fila quando ele as recebe.",
        evidence={"waiting_bytes": waiting_bytes},
    )


def failed(error: OSError) -> SpoolError:
    """What the system said, as ours; a full disk is told as such."""
    if durable.is_disk_full(error):
        return full(DISK_FULL)
    return SpoolError(
        fact_codes.SPOOL_UNUSABLE,
        "a pasta da fila de remessas não pode ser lida ou escrita",
        f"the spool folder cannot be used: {error.strerror or type(error).__name__}",
        "Confira a permissão da pasta do agente e se o antivírus não a bloqueia.",
        evidence={"reason": error.strerror or type(error).__name__},
    )

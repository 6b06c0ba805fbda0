"""What can be wrong with the spool, in words for who is at the machine.

Invariant: a code here is also the code of the fact that is left, without its `spool.`.
"""

from __future__ import annotations

import errno

from afluente_agent.errors import SpoolError

BROKEN = "spool.spool_broken"
MISSING = "spool.spool_missing"
FULL = "spool.spool_full"
DISK_FULL = "spool.disk_full"
UNUSABLE = "spool.spool_unusable"
_NO_SPACE = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_NO_SPACE_ON_WINDOWS = frozenset({39, 112})


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


def full(code: str) -> SpoolError:
    """No room for more: FULL by the limits of the spool, DISK_FULL by the disk."""
    if code == DISK_FULL:
        return SpoolError(
            DISK_FULL,
            "não há espaço em disco para guardar a remessa",
            "the disk has no room for the transmission",
            "Libere espaço no disco onde fica a pasta do agente; o envio recomeça sozinho.",
        )
    return SpoolError(
        FULL,
        "a fila de remessas desta máquina está cheia",
        "the spool is full",
        "Verifique a ligação com o hub: as remessas saem da fila quando ele as recebe.",
    )


def failed(error: OSError) -> SpoolError:
    """What the system said, as ours; a full disk is told as such."""
    if error.errno in _NO_SPACE or getattr(error, "winerror", None) in _NO_SPACE_ON_WINDOWS:
        return full(DISK_FULL)
    return SpoolError(
        UNUSABLE,
        "a pasta da fila de remessas não pode ser lida ou escrita",
        f"the spool folder cannot be used: {error.strerror or type(error).__name__}",
        "Confira a permissão da pasta do agente e se o antivírus não a bloqueia.",
    )


def fact_of(error: SpoolError) -> str:
    return error.code.removeprefix("spool.")


SPOOL_QUARANTINED = "spool_quarantined"
"""A transmission was set aside. transmission, list, what (the broken part), segments"""
SPOOL_UNFINISHED = "spool_unfinished"
"""A reading was cut before its commit and removed. transmissions"""
SPOOL_GAVE_WAY = "spool_gave_way"
"""A superseded transmission was removed to make room. transmission, list"""
SPOOL_KEY_LOST = "spool_key_lost"
"""The key of the spool was damaged; what was sealed with it cannot be read."""
UPLOAD_REFUSED = "upload_refused"
"""The hub refused a transmission. transmission, list, reason"""

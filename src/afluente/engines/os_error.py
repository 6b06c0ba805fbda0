"""What the operating system refuses an engine, as EngineError.

Invariant: the message holds the system's own words and no path.
"""

from __future__ import annotations

import errno

from afluente.core.errors import EngineError


def translate_os_error(error: OSError, doing: str) -> EngineError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(doing)
    reason = (error.strerror or type(error).__name__).lower()
    is_final = isinstance(error, (PermissionError, FileNotFoundError)) or error.errno == errno.EROFS
    hint = "check who may write the lake" if is_final else ""
    return EngineError("engine.io_failed", f"{doing}: {reason}", hint=hint, retryable=not is_final)


def disk_full(doing: str) -> EngineError:
    return EngineError(
        "engine.disk_full",
        f"{doing}: no space left on the disk",
        hint="free space where the lake and the engine's temporary folder are, then run again; nothing was committed",
    )

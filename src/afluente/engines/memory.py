"""How much memory this process may use: the smaller of the machine's and its control group's."""

from __future__ import annotations

import os
from pathlib import Path

_SHARE = 0.6
_LEAST_BYTES = 256 * 1024**2
_CGROUP_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def default_memory_limit() -> str:
    """Sixty per cent of what there is, as DuckDB writes it (`14500MiB`)."""
    limit_bytes = max(int(available_bytes() * _SHARE), _LEAST_BYTES)
    return f"{limit_bytes // 1024**2}MiB"


def available_bytes() -> int:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_cgroup_limits()])


def _cgroup_limits() -> list[int]:
    limits = []
    for name in _CGROUP_FILES:
        try:
            text = Path(name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit() and int(text) > 0:
            limits.append(int(text))
    return limits

"""Lines for the terminal: a contender's figures beside the others'."""

from __future__ import annotations

from collections.abc import Mapping

from bench.contender import Measurement


def show_measurements(measured: Mapping[str, Measurement], *, rows: int = 0) -> None:
    """One line a contender: seconds, CPU seconds, peak memory, and rows/s when there are rows."""
    for name, taken in measured.items():
        if taken.failure:
            print(f"  {name:<12} {taken.failure}", flush=True)
            continue
        speed = f"  {rows / taken.seconds / 1e6:7.2f} million rows/s" if rows else ""
        print(
            f"  {name:<12} {taken.seconds:9.3f} s  {taken.cpu_seconds:9.3f} CPU s"
            f"  {taken.peak_memory_bytes / 1e9:6.2f} GB peak{speed}",
            flush=True,
        )


def fastest(measured: Mapping[str, Measurement], *, but: str) -> str | None:
    """The name of the fastest contender that finished, leaving one out."""
    finished = {name: m.seconds for name, m in measured.items() if name != but and not m.failure}
    return min(finished, key=finished.__getitem__) if finished else None

"""The demo's report of a product: what left, what stayed visible, how it arrived. Says what `product_story` saw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from afluente.demo.screen import Screen

if TYPE_CHECKING:
    from afluente.demo.product_story import Story


def tell_story(story: Story, console: Screen, *, into: Path | None) -> None:
    """Say it for a person."""
    _title(console, f"Release {story.product} #{story.number}: {story.status}")
    for reason in story.reasons:
        console.data(reason)
    console.data("revenue that stays visible, by the place a row tells:")
    console.table(
        [
            {"output": output, "rows": story.rows[output]}
            | {level or "hidden": f"{share:.1%}" for level, share in shares.items()}
            for output, shares in story.visible.items()
        ]
    )
    _title(console, "Deliveries and alerts")
    for sent in story.sent:
        console.data(
            f"{sent.connector:<7} {sent.name:<10} {sent.status}{' ' if sent.error_code else ''}{sent.error_code}"
        )
    for alert in dict.fromkeys(story.alerts):
        console.data(f"alert   {alert}")
    _title(console, f"What was received{'' if into is None else f' ({into}/received)'}")
    for name, size_bytes in story.received:
        console.data(f"{size_bytes:>9,}  {name}")
    console.data("")
    console.data(
        "the manifest's signature, the files' hashes and the audit log "
        + ("agree" if story.is_verified else "DISAGREE")
    )
    if story.report is not None and into is not None:
        console.data(f"the partner's report, to open in a browser: {story.report}")


def story_as_json(story: Story) -> dict[str, object]:
    """Say it as JSON."""
    return {
        "product": story.product,
        "number": story.number,
        "status": story.status,
        "reasons": list(story.reasons),
        "rows": dict(story.rows),
        "visible": {output: dict(shares) for output, shares in story.visible.items()},
        "deliveries": [
            {"name": one.name, "connector": one.connector, "status": one.status, "error_code": one.error_code}
            for one in story.sent
        ],
        "alerts": list(dict.fromkeys(story.alerts)),
        "mails": story.mails,
        "is_verified": story.is_verified,
        "report": None if story.report is None else str(story.report),
        "received": [{"path": name, "size_bytes": size_bytes} for name, size_bytes in story.received],
        "release_seconds": round(story.seconds, 1),
    }


def _title(console: Screen, text: str) -> None:
    console.data("")
    console.data(text)
    console.data("─" * len(text))

"""What an e-mail says about a release: as plain text and as HTML with inline styles.

Invariant: both say the same, from the package's names, sizes and hashes alone; no row of the release is opened.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from html import escape

from afluente.core.language import Language
from afluente.products.deliveries.delivery import Package, PackageFile
from afluente.products.deliveries.email import phrases
from afluente.watch.mail import one_line

_SHORT = 12
_CELL = "padding:4px 12px 4px 0;border-bottom:1px solid #ddd;text-align:left;vertical-align:top"


@dataclass(frozen=True, slots=True)
class Summary:
    """The lines of the message. `tables` holds each output's name, rows and files; the name is empty for extras."""

    greeting: str
    ready: str
    period: str
    notes: tuple[str, ...]
    tables: tuple[tuple[str, int, tuple[PackageFile, ...]], ...]
    closing: tuple[str, ...]
    language: Language


def subject_of(package: Package, language: Language) -> str:
    """One line, whatever the title holds."""
    title = one_line(package.title)[:150]
    if package.period is None:
        text = phrases.SUBJECT_WITHOUT_PERIOD.say(language, title=title, number=package.number)
    else:
        days = phrases.period(package.period, language)
        text = phrases.SUBJECT.say(language, title=title, period=days, number=package.number)
    return one_line((phrases.CORRECTION.say(language) if package.replaces is not None else "") + text)


def summarise(package: Package, language: Language, *, attachments: str) -> Summary:
    """The summary of a package; `attachments` is what is said about them, if anything."""
    notes = [attachments] if attachments else []
    if package.replaces is not None:
        notes.insert(0, phrases.REPLACES.say(language, number=package.replaces))
    by_output: dict[str, list[PackageFile]] = {}
    for file in package.files:
        by_output.setdefault(file.output, []).append(file)
    digest = hashlib.sha256(package.manifest.read_bytes()).hexdigest()
    return Summary(
        greeting=phrases.GREETING.say(language),
        ready=phrases.READY.say(language, number=package.number, title=one_line(package.title)),
        period=phrases.period(package.period, language) if package.period is not None else "",
        notes=tuple(notes),
        tables=tuple(
            (output, max(file.rows for file in files), tuple(files))
            for output, files in sorted(by_output.items(), key=lambda item: item[0] == "")
        ),
        closing=(
            phrases.CHECK.say(language, name=f"{package.prefix}.manifest.json", sha256=digest),
            phrases.FOOTER.say(language, release=package.release_id),
        ),
        language=language,
    )


def as_text(summary: Summary) -> str:
    language = summary.language
    lines = [summary.greeting, "", summary.ready]
    if summary.period:
        lines += ["", f"{phrases.PERIOD.say(language)}: {summary.period}"]
    lines += [line for note in summary.notes for line in ("", note)]
    lines += ["", f"{phrases.DELIVERED.say(language)}:"]
    for output, rows, files in summary.tables:
        told = f" - {phrases.number(rows, language)} {phrases.ROWS.say(language).lower()}" if output else ""
        lines += ["", f"{output or phrases.EXTRA.say(language)}{told}"]
        lines += [
            f"  {file.name} ({phrases.size(file.size_bytes, language)}, sha256 {file.sha256[:_SHORT]})"
            for file in files
        ]
    lines += [line for closing in summary.closing for line in ("", closing)]
    return "\n".join(lines) + "\n"


def as_html(summary: Summary, *, picture: str = "") -> str:
    """`picture` is the Content-ID of the picture of the month, without angle brackets; empty for none."""
    language = summary.language
    parts = [_paragraph(summary.greeting), _paragraph(summary.ready)]
    if summary.period:
        parts.append(_paragraph(f"{phrases.PERIOD.say(language)}: {summary.period}"))
    parts += [_paragraph(note) for note in summary.notes]
    if picture:
        name = escape(phrases.PICTURE.say(language))
        parts.append(
            f'<p><img src="cid:{escape(picture)}" alt="{name}" style="max-width:100%;height:auto;border:0"></p>'
        )
    parts.append(f'<h2 style="font-size:16px">{escape(phrases.DELIVERED.say(language))}</h2>')
    parts.append(_table(summary))
    parts += [_paragraph(closing, style="font-size:12px;color:#666") for closing in summary.closing]
    return (
        f'<!DOCTYPE html>\n<html lang="{"pt-BR" if language == "pt" else "en"}">\n<head><meta charset="utf-8"></head>\n'
        '<body style="font-family:Arial,Helvetica,sans-serif;font-size:14px;color:#222;max-width:720px">\n'
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _paragraph(text: str, *, style: str = "") -> str:
    attribute = f' style="{style}"' if style else ""
    return f"<p{attribute}>{escape(text)}</p>"


def _table(summary: Summary) -> str:
    language = summary.language
    heads = (phrases.OUTPUT, phrases.ROWS, phrases.FILE, phrases.SIZE, phrases.SHA256)
    rows = ["".join(f'<th style="{_CELL}">{escape(head.say(language))}</th>' for head in heads)]
    for output, count, files in summary.tables:
        for position, file in enumerate(files):
            is_first = position == 0
            cells = (
                (output or phrases.EXTRA.say(language)) if is_first else "",
                phrases.number(count, language) if is_first and output else "",
                file.name,
                phrases.size(file.size_bytes, language),
                file.sha256[:_SHORT],
            )
            rows.append("".join(f'<td style="{_CELL}">{escape(cell)}</td>' for cell in cells))
    return (
        '<table style="border-collapse:collapse;font-size:13px">\n'
        + "\n".join(f"<tr>{row}</tr>" for row in rows)
        + "\n</table>"
    )

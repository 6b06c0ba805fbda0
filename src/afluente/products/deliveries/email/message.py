"""The e-mail about a release as a MIME message.

Invariant: the same release, delivery and recipients always give the same bytes, Message-ID and Date among them, so
that a message sent again is recognised as the same; no header holds a line break.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from afluente.core.language import Language
from afluente.products.deliveries.delivery import Package, PackageFile
from afluente.products.deliveries.email import phrases
from afluente.products.deliveries.email.config import EmailConfig
from afluente.products.deliveries.email.summary import as_html, as_text, subject_of, summarise
from afluente.products.deliveries.released_file import verify_file

_PNG = b"\x89PNG\r\n\x1a\n"
_MAX_PICTURE_BYTES = 5 * 1024**2
_TYPES = {
    "csv": ("text", "csv"),
    "jsonl": ("application", "jsonl"),
    "parquet": ("application", "vnd.apache.parquet"),
    "xlsx": ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


def message_id_of(release_id: str, delivery: str, from_address: str) -> str:
    """The Message-ID of one delivery of one release: the same at every try."""
    digest = hashlib.sha256(f"{release_id}\0{delivery}".encode()).hexdigest()[:32]
    return f"<{digest}@{from_address.rpartition('@')[2]}>"


def compose(package: Package, config: EmailConfig, *, language: Language, to: Sequence[str]) -> EmailMessage:
    """The whole message. DeliveryError when an attached file is not the released one."""
    message_id = message_id_of(package.release_id, config.name, config.from_address)
    attached, told = _attachments(package, config, language)
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(config.from_name, addr_spec=config.from_address)
    message["To"] = ", ".join(to)
    if config.reply_to:
        message["Reply-To"] = config.reply_to
    message["Subject"] = subject_of(package, language)
    message["Date"] = package.released_at
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    summary = summarise(package, language, attachments=told)
    picture = _picture(package.pictures)
    cid = f"figura.{message_id[1:-1]}" if picture else ""
    message.set_content(as_text(summary), cte="quoted-printable")
    message.add_alternative(as_html(summary, picture=cid), subtype="html", cte="quoted-printable")
    if picture:
        html = message.get_payload(1)
        assert isinstance(html, EmailMessage)
        html.add_related(
            picture, "image", "png", cid=f"<{cid}>", filename=f"{package.prefix}.png", disposition="inline"
        )
    for file in attached:
        maintype, subtype = _TYPES.get(file.format or "", ("application", "octet-stream"))
        message.add_attachment(file.path.read_bytes(), maintype, subtype, filename=file.name)
    if config.has_report and package.report is not None:
        message.add_attachment(
            package.report.read_bytes(), "text", "html", filename=f"{package.prefix}{package.report.suffix}"
        )
    message["Content-Language"] = "pt-BR" if language == "pt" else "en"
    _settle_boundaries(message, message_id)
    return message


def _attachments(package: Package, config: EmailConfig, language: Language) -> tuple[Sequence[PackageFile], str]:
    if not config.is_attaching:
        return (), ""
    limit_bytes = config.max_attachment_mb * 1024**2
    if sum(file.size_bytes for file in package.files) > limit_bytes:
        return (), phrases.TOO_LARGE.say(language, size=config.max_attachment_mb)
    for file in package.files:
        verify_file(file)
    return package.files, phrases.ATTACHED.say(language)


def _picture(pictures: Sequence[Path]) -> bytes:
    """The first picture, if it is a PNG that a mailbox can take; a message goes without one too."""
    for path in pictures[:1]:
        if path.is_file() and path.stat().st_size <= _MAX_PICTURE_BYTES:
            content = path.read_bytes()
            return content if content.startswith(_PNG) else b""
    return b""


def _settle_boundaries(message: EmailMessage, message_id: str) -> None:
    digest = hashlib.sha256(message_id.encode()).hexdigest()[:24]
    for position, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"=_{digest}_{position}")

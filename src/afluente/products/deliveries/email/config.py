"""Options of the connector `email`, read into a frozen dataclass. Imports nothing heavy.

server: smtp.example.com     port: 587 with starttls, 465 with tls     security: starttls | tls | none (this machine only)
user: ...  password: secret:...
from: Dados <dados@example.com>      reply_to: contato@example.com
to: [a@example.com, ...]     or one text with commas, or a secret that holds either
language: pt | en            the project's when absent
attach: true                 the files of the delivery, while they are at most max_attachment_mb together
report: true                 the report of the release, as an HTML attachment
ca_file, timeout_seconds

Invariant: an address that cannot be one is found before anything is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parseaddr
from typing import cast

from afluente.core.errors import Problem
from afluente.core.language import Language
from afluente.products.deliveries.options import DeliveryOptions
from afluente.project.product import DeliverySettings, Product
from afluente.project.secret_reference import SecretReference
from afluente.watch.mail import SECURITIES, MailError, Security, addresses, one_line, settings_mistake

_PORTS = {"starttls": 587, "tls": 465, "none": 25}


@dataclass(frozen=True, slots=True)
class EmailConfig:
    """Whom to tell, and through which server. `language` is empty for the project's."""

    name: str
    server: str
    port: int
    security: Security
    user: str | SecretReference
    password: SecretReference | None
    from_name: str
    from_address: str
    to: tuple[str | SecretReference, ...]
    reply_to: str = ""
    language: Language | None = None
    is_attaching: bool = False
    has_report: bool = False
    max_attachment_mb: int = 10
    ca_file: str = ""
    timeout_seconds: float = 30


def parse(settings: DeliverySettings) -> EmailConfig | list[Problem]:
    """The options, or every mistake in them."""
    options = DeliveryOptions(settings)
    security = cast("Security", options.choice("security", SECURITIES, "starttls"))
    from_name, from_address = parseaddr(one_line(options.text("from", required=True)))
    _check_address(options, "from", from_address)
    config = EmailConfig(
        name=settings.name,
        server=options.text("server", required=True),
        port=options.integer("port", _PORTS[security], minimum=1, maximum=65535),
        security=security,
        user=options.text_or_secret("user") or "",
        password=options.secret("password"),
        from_name=from_name,
        from_address=from_address,
        to=options.texts_or_secrets("to", required=True),
        reply_to=options.text("reply_to"),
        language=cast("Language | None", options.choice("language", ("pt", "en")) or None),
        is_attaching=options.flag("attach", default=False),
        has_report=options.flag("report", default=False),
        max_attachment_mb=options.integer("max_attachment_mb", 10, minimum=1, maximum=100),
        ca_file=options.text("ca_file"),
        timeout_seconds=options.number("timeout_seconds", 30, minimum=0.1),
    )
    options.finish()
    for written in config.to:
        if isinstance(written, str):
            _check_address(options, "to", written)
    _check_address(options, "reply_to", config.reply_to)
    mistake = settings_mistake(
        host=config.server,
        security=config.security,
        has_user=options.has("user"),
        has_password=options.has("password"),
    )
    if config.server and mistake:
        options.refuse(mistake, "security: starttls, user: ..., password: secret:env:NAME", code="insecure")
    return options.problems or config


def attachment_problems(product: Product, settings: DeliverySettings) -> list[Problem]:
    """Outputs of rows, whose pseudonyms are personal data still, among what would be attached."""
    if settings.options.get("attach") is not True:
        return []
    return [
        Problem(
            settings.place,
            "delivery.email_personal_data",
            f"delivery {settings.name}: output '{output.name}' is of rows, and an e-mail carries no personal data, "
            "to which pseudonyms belong (LGPD art. 13, paragraph 4)",
            "attach: false, or leave it out of this delivery's outputs",
        )
        for output in product.outputs
        if not output.is_of_cells and (not settings.outputs or output.name in settings.outputs)
    ]


def _check_address(options: DeliveryOptions, name: str, written: str) -> None:
    if not written:
        return
    try:
        found = addresses(written)
    except MailError as error:
        options.refuse(f"option '{name}': {error.message}", error.hint)
        return
    if name != "to" and len(found) != 1:
        options.refuse(f"option '{name}' holds {len(found)} addresses", "one address")

"""The delivery `email`: people are told about a release.

Invariant: mail cannot be exactly once, so every try carries one Message-ID; a recipient whose server took the message
is not sent it again by a later try.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from afluente.core.errors import CheckFailed, Problem
from afluente.products.deliveries import failure_codes
from afluente.products.deliveries.delivery import DeliveryContext, DeliveryError, Package, Receipt
from afluente.products.deliveries.email import config as email_config
from afluente.products.deliveries.email.config import EmailConfig
from afluente.products.deliveries.place import AGAIN
from afluente.project.product import DeliverySettings, Product
from afluente.project.secret_reference import SecretReference
from afluente.state.json_value import Json
from afluente.watch import mail
from afluente.watch.mail import MailError, MailServer, Refusal

_CODES = {
    "mail.connection": failure_codes.CONNECTION,
    "mail.tls": "delivery.connection_certificate",
    "mail.credentials": failure_codes.CREDENTIALS,
}


class Email:
    """One list of people."""

    def __init__(self, settings: DeliverySettings, context: DeliveryContext) -> None:
        config = email_config.parse(settings)
        if isinstance(config, list):
            raise CheckFailed(config)
        self._config: EmailConfig = config
        self._context = context

    @staticmethod
    def problems(settings: DeliverySettings) -> list[Problem]:
        """Every mistake in the options."""
        config = email_config.parse(settings)
        return config if isinstance(config, list) else []

    @staticmethod
    def product_problems(product: Product, settings: DeliverySettings) -> list[Problem]:
        """The outputs that an e-mail must not carry as attachments."""
        return email_config.attachment_problems(product, settings)

    def check(self) -> Receipt:
        """Sign in at the mail server and leave. The addresses are read too, and not told."""
        recipients = self._recipients()
        try:
            mail.check(self._server())
        except MailError as error:
            raise self._translated(error) from None
        return Receipt({"signed_in": self._config.password is not None, "recipients": len(recipients)})

    def deliver(
        self, package: Package, *, progress: Mapping[str, Json], save: Callable[[Mapping[str, Json]], None]
    ) -> Receipt:
        """Send to those who do not have it yet. DeliveryError, also when some of them were refused."""
        from afluente.products.deliveries.email.message import compose, message_id_of

        config, release = self._config, package.release_id
        recipients = self._recipients()
        known = progress.get("accepted")
        accepted = (
            {str(mark) for mark in known} if isinstance(known, Sequence) and not isinstance(known, str) else set()
        )
        missing = [address for address in recipients if _mark(release, address) not in accepted]
        if progress.get(AGAIN) and not missing:
            missing, accepted = list(recipients), set()
        message_id = message_id_of(release, config.name, config.from_address)
        refused: tuple[Refusal, ...] = ()
        if missing:
            message = compose(package, config, language=config.language or self._context.language, to=recipients)
            try:
                sent = mail.send(message, self._server(), sender=config.from_address, recipients=missing)
            except MailError as error:
                raise self._translated(error) from None
            accepted |= {_mark(release, address) for address in sent.accepted}
            refused = sent.refused
            save({"message_id": message_id, "accepted": sorted(accepted)})
        if refused:
            raise self._some_refused(refused, len(recipients))
        return Receipt({"message_id": message_id, "recipients": len(recipients), "accepted": sorted(accepted)})

    def close(self) -> None:
        """Nothing stays open between two calls."""

    def _server(self) -> MailServer:
        config = self._config
        password = config.password
        return MailServer(
            host=config.server,
            port=config.port,
            security=config.security,
            user=self._plain(config.user),
            password=None if password is None else lambda: self._context.secret(password),
            timeout_seconds=config.timeout_seconds,
            ca_file=self._context.project_root / config.ca_file if config.ca_file else None,
        )

    def _plain(self, value: str | SecretReference) -> str:
        return self._context.secret(value) if isinstance(value, SecretReference) else value

    def _recipients(self) -> tuple[str, ...]:
        try:
            found = mail.addresses(self._plain(written) for written in self._config.to)
        except MailError as error:
            raise self._translated(error) from None
        if not found:
            raise DeliveryError(
                failure_codes.REFUSED,
                f"delivery {self._config.name}: there is nobody to tell",
                hint="list addresses in 'to', or in the variable it names",
            )
        return found

    def _translated(self, error: MailError) -> DeliveryError:
        return DeliveryError(
            _CODES.get(error.code, failure_codes.REFUSED),
            f"delivery {self._config.name}: {error.message}",
            hint=error.hint,
            retryable=error.retryable,
        )

    def _some_refused(self, refused: Sequence[Refusal], total: int) -> DeliveryError:
        told = ", ".join(f"{mail.masked(one.address)} ({one.status})" for one in refused)
        is_retryable = any(one.is_retryable for one in refused)
        return DeliveryError(
            failure_codes.REFUSED,
            f"delivery {self._config.name}: {len(refused)} of {total} recipients were refused, the others have it: {told}",
            hint="they are tried again by themselves"
            if is_retryable
            else "correct the addresses, then: afluente product redeliver",
            retryable=is_retryable,
        )


def _mark(release_id: str, address: str) -> str:
    """Stands for an address in the state, which keeps none."""
    return hashlib.sha256(f"{release_id}\0{address.lower()}".encode()).hexdigest()[:16]

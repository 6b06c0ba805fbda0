"""A file of `products/` to a Product.

Invariant: every mistake is noted with its line and none raises; secrets leave here as references only. What needs
the rest of the project (columns, contracts, allies) is `check_products`'.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from afluente.project.cron import cron_mistake
from afluente.project.fields import Fields
from afluente.project.known import Known
from afluente.project.mistakes import Mistakes
from afluente.project.names import HINT, NAME, read_name
from afluente.project.product import LegalBasis, Product
from afluente.project.read_delivery import read_deliveries
from afluente.project.read_guardrail import read_guardrails
from afluente.project.read_options import Options
from afluente.project.read_output import read_outputs
from afluente.project.read_privacy import read_privacy, read_retention, read_secret
from afluente.project.secret_reference import find_literal_secrets
from afluente.project.substitution import substitute
from afluente.project.yaml_node import Node

LEGAL_BASES: tuple[LegalBasis, ...] = get_args(LegalBasis)

_KEYS = (
    *("product", "title", "version", "partner", "allies", "owner", "purpose", "legal_basis", "cron", "retention"),
    *("signing_key", "privacy", "outputs", "guardrails", "deliveries"),
)
_REQUIRED = {
    "title": "title: Vendas da marca",
    "version": 'version: "1.0.0"',
    "owner": "owner: dados@example.com",
    "purpose": "purpose: for what the partner receives this, in one sentence",
    "legal_basis": f"one of {', '.join(LEGAL_BASES)}",
}


def read_product(
    node: Node,
    mistakes: Mistakes,
    *,
    text_sha256: str,
    known: Known,
    environment: Mapping[str, str] | None = None,
    typed_in: Path | None = None,
) -> Product | None:
    """Read one product; None when it has no right name. A relative path from a variable is taken from `typed_in`."""
    find_literal_secrets(node, mistakes)
    fields = Fields(substitute(node, environment or {}, mistakes), mistakes, "the product")
    fields.only(_KEYS)
    options = Options(mistakes, typed_in or Path())
    name = read_name(fields, "product")
    fields.what = f"product {name!r}" if name else fields.what
    partner = read_name(fields, "partner")
    for key, hint in _REQUIRED.items() if isinstance(fields.node.value, dict) else ():
        fields.require(key, hint=hint)
    outputs = read_outputs(fields)
    product = Product(
        name=name,
        title=fields.text("title"),
        version=fields.text("version"),
        partner=partner,
        owner=fields.text("owner"),
        purpose=fields.text("purpose"),
        legal_basis=fields.choice("legal_basis", LEGAL_BASES, "legitimate_interest"),
        outputs=outputs,
        privacy=read_privacy(fields.get("privacy"), fields, options),
        place=mistakes.place(fields.node.mapping.get("product")),
        text_sha256=text_sha256,
        allies=_allies(fields, partner),
        cron=_cron(fields),
        guardrails=read_guardrails(fields, outputs),
        deliveries=read_deliveries(fields, outputs, options, known),
        retention=read_retention(fields),
        signing_key=read_secret(fields, "signing_key", options),
    )
    return product if name and outputs else None


def _allies(fields: Fields, partner: str) -> tuple[str, ...]:
    node = fields.get("allies")
    read = fields.texts("allies")
    for ally in read:
        if not NAME.fullmatch(ally):
            message = f"ally {ally!r} of {fields.what} is not a partner's name"
            fields.mistakes.add("project.name", message, node, hint=HINT)
        elif ally == partner:
            message = f"{fields.what} has its own partner {ally!r} as an ally"
            fields.mistakes.add("product.allies", message, node, hint="leave it out: its releases count already")
    return tuple(dict.fromkeys(read))


def _cron(fields: Fields) -> str:
    node = fields.get("cron")
    cron = fields.text("cron")
    if node is not None and (mistake := cron_mistake(cron)):
        hint = "minute hour day-of-month month day-of-week, such as 0 8 * * *"
        fields.mistakes.add("project.cron", f"{fields.what}: {mistake}", node, hint=hint)
        return ""
    return cron

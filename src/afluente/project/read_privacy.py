"""The privacy policy and the retention of a product.

Invariant: no policy that is read is weaker than what a release may ever be (`minimum_persons` >= 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from afluente.project.fields import Fields
from afluente.project.mistakes import Mistakes
from afluente.project.product import PrivacyPolicy, Retention
from afluente.project.read_options import Options
from afluente.project.secret_reference import FORMS, PREFIX, SecretReference
from afluente.project.yaml_node import Node

FEWEST_PERSONS = 3
FEWEST_COMPETITORS = 3
MOST_PERCENT = 100.0

_KEYS = (
    "minimum_persons",
    "p_percent",
    "minimum_competitors",
    "share_bands",
    "protection_percent",
    "pseudonym_key",
)


def read_privacy(node: Node | None, product: Fields, options: Options) -> PrivacyPolicy:
    """Read `privacy`; the policy of the defaults when it is left out."""
    mistakes = product.mistakes
    if node is None:
        return PrivacyPolicy(mistakes.place(product.node))
    fields = Fields(node, mistakes, "privacy")
    fields.only(_KEYS)
    usual = PrivacyPolicy(mistakes.place(node, is_key=True))
    return PrivacyPolicy(
        place=usual.place,
        minimum_persons=fields.integer("minimum_persons", usual.minimum_persons, minimum=FEWEST_PERSONS),
        p_percent=_percent(fields, "p_percent", usual.p_percent),
        minimum_competitors=fields.integer(
            "minimum_competitors", usual.minimum_competitors, minimum=FEWEST_COMPETITORS
        ),
        share_bands=_bands(fields, usual.share_bands),
        protection_percent=_percent(fields, "protection_percent", usual.protection_percent),
        pseudonym_key=read_secret(fields, "pseudonym_key", options),
    )


def read_retention(product: Fields) -> Retention:
    """Read `retention`; everything is kept when it is left out."""
    node = product.get("retention")
    if node is None:
        return Retention()
    fields = Fields(node, product.mistakes, "retention")
    fields.only(("release_days", "key_days"))
    return Retention(fields.integer("release_days", 0), fields.integer("key_days", 0))


def read_secret(fields: Fields, key: str, options: Options) -> SecretReference | None:
    """The secret reference under a key; a literal was noted when the file was searched for them."""
    node = fields.get(key)
    if node is None:
        return None
    if not isinstance(node.value, str):
        fields.wrong(key, node, "a secret reference", hint=FORMS)
        return None
    if node.raw.startswith(PREFIX):
        return options.reference(node)
    if not node.raw:
        fields.mistakes.add("project.secret_reference", f"{key!r} of {fields.what} is empty", node, hint=FORMS)
    return None


def _percent(fields: Fields, key: str, default: float) -> float:
    """A percentage above 0: a rule of 0 percent would protect nothing."""
    number = fields.number(key)
    if number is None:
        return default
    if not 0 < number <= MOST_PERCENT:
        message = f"{key!r} of {fields.what} is {number:g}, not a percentage above 0 and up to 100"
        fields.mistakes.add("project.wrong_value", message, fields.get(key), hint=f"{key}: {default:g}")
        return default
    return number


def _bands(fields: Fields, default: tuple[float, ...]) -> tuple[float, ...]:
    node = fields.get("share_bands")
    if node is None:
        return default
    if not node.items:
        fields.wrong("share_bands", node, "a list of numbers", hint="share_bands: [0.1, 0.25, 0.5]")
        return default
    limits = [_limit(item, fields.mistakes) for item in node.items]
    read = tuple(limit for limit in limits if limit is not None)
    if len(read) != len(limits):
        return default
    if not _is_increasing(read):
        hint = "each limit is above the one before, as in [0.1, 0.25, 0.5]"
        fields.mistakes.add("product.share_bands", "the share bands do not increase", node, hint=hint)
        return default
    return read


def _limit(node: Node, mistakes: Mistakes) -> float | None:
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        hint = "a share goes from 0 to 1; its ends are no limits"
        mistakes.add("product.share_bands", "a share band's limit is not a number between 0 and 1", node, hint=hint)
        return None
    return float(value)


def _is_increasing(limits: Sequence[float]) -> bool:
    return all(low < high for low, high in pairwise(limits))

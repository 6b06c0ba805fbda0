"""Which classes of competitors' rows must stay hidden: too few competitors, or one of them too large.

Invariant: the partner's own rows are never a competitor's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from afluente.products.privacy.atoms import Bools
from afluente.products.privacy.membership import is_own

if TYPE_CHECKING:
    from afluente.products.privacy.knowledge import Column, Knowledge
    from afluente.project.product import PrivacyPolicy


def exposed_competitors(known: Knowledge, column: Column, policy: PrivacyPolicy) -> Bools:
    """For each class, whether it holds rows of fewer competitors than the minimum, or fails the p% rule."""
    exposed = np.zeros(known.classes.count, dtype=np.bool_)
    segments = {(known.told[at].entity, known.told[at].own) for at in known.shares(column)}
    for entity, own in segments:
        axis = known.atoms.axes[entity]
        theirs = (known.classes.of_atom >= 0) & ~is_own(known.atoms, entity, own)
        width = len(axis.values)
        pairs = known.classes.of_atom[theirs] * width + axis.codes[theirs]
        different, entry = np.unique(pairs, return_inverse=True)
        parts = np.bincount(entry, weights=known.atoms.sums[column[1]][theirs], minlength=len(different))
        owner = different // width
        competitors = np.bincount(owner, minlength=known.classes.count)
        totals = np.bincount(owner, weights=parts, minlength=known.classes.count)
        largest = np.zeros(known.classes.count)
        np.maximum.at(largest, owner, parts)
        is_few = competitors < policy.minimum_competitors
        is_dominated = totals - largest < policy.p_percent / 100 * largest
        exposed |= (competitors > 0) & (is_few | is_dominated)
    return exposed

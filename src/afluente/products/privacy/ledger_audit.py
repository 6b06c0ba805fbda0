"""The ledger's audit asked again and again while an output is made coarser.

Invariant: every answer is of one version of the facts; they are read again only when what is told needs other atoms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from afluente.products.privacy.atoms import Atoms, Reading, atoms_of, reading_of
from afluente.products.privacy.audit import audit

if TYPE_CHECKING:
    from afluente.core.tables import TableName
    from afluente.products.privacy.exposed import Exposed
    from afluente.products.privacy.region import Told
    from afluente.project.product import Output, PrivacyPolicy
    from afluente.runs.steps.workspace import Workspace

LEAST_COUNTED = 20
"""Persons of an atom are counted up to this number, or to the policy's minimum when it is greater."""


class LedgerAudit:
    """Says which hidden cells everything told of an output's facts narrows too far."""

    def __init__(
        self, workspace: Workspace, output: Output, policy: PrivacyPolicy, at: Mapping[TableName, int]
    ) -> None:
        self._workspace = workspace
        self._output = output
        self._policy = policy
        self._at = at
        self._read: tuple[Reading, Atoms] | None = None

    def __call__(self, told: Sequence[Told]) -> Sequence[Exposed]:
        facts = str(self._output.facts)
        if not any(one.region.facts == facts for one in told):
            return ()
        return audit(self._atoms(told, facts), told, self._policy).findings

    def _atoms(self, told: Sequence[Told], facts: str) -> Atoms:
        person = self._output.person
        reading = reading_of(told, facts=facts, person=person)
        if self._read is None or self._read[0] != reading:
            counted = max(LEAST_COUNTED, self._policy.minimum_persons)
            atoms = atoms_of(self._workspace, reading, person=person, at=self._at, counted_persons=counted)
            self._read = (reading, atoms)
        return self._read[1]

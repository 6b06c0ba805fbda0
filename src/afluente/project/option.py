"""An option of a connector as a project's file says it: what its settings are read from.

Invariant: a secret stands in it as a reference, never as its text.
"""

from __future__ import annotations

from collections.abc import Mapping

from afluente.project.secret_reference import SecretReference

Option = str | int | float | bool | SecretReference | None | tuple["Option", ...] | Mapping[str, "Option"]

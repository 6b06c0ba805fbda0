"""What the fleet's tables call their columns, parts and families, in the project's language.

Invariant: only what is shown to a person is renamed; `--json` keeps the English names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from afluente.core.language import Language

_PORTUGUESE = {
    "agent": "agente",
    "agents": "agentes",
    "at": "quando",
    "by_whom": "por quem",
    "code": "código",
    "confidence": "confiança",
    "connectivity": "rede",
    "corrects": "corrige",
    "created_at": "pedido em",
    "day": "dia",
    "detail": "detalhe",
    "error_code": "erro",
    "facts": "fatos",
    "family": "família",
    "inactivity": "inatividade",
    "kind": "tipo",
    "last_seen_at": "visto em",
    "list_name": "lista",
    "maintenance": "manutenção",
    "name": "nome",
    "now": "agora",
    "origin": "origem",
    "ours": "nosso",
    "remedies": "remédios",
    "ring": "anel",
    "rows": "linhas",
    "seen": "visto",
    "sent": "enviou",
    "site": "local",
    "sites": "locais",
    "started_at": "início",
    "state": "estado",
    "status": "estado",
    "transmissions": "transmissões",
    "unit": "unidade",
    "verdicts": "vereditos",
    "version": "versão",
    "what to do": "o que fazer",
    "why": "por quê",
}


def heading(name: str, language: Language) -> str:
    return _PORTUGUESE.get(name, name) if language == "pt" else name


def headed(rows: Iterable[Mapping[str, object]], language: Language) -> Iterator[dict[str, object]]:
    """The rows under the names of their columns."""
    for row in rows:
        yield {heading(name, language): value for name, value in row.items()}

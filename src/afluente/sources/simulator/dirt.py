"""The kinds of dirt the simulator knows: which column each spoils, how often, and what cleaning should do about it.

Invariant: a kind's outcome agrees with the contracts of `examples/ouchhungry`; the score compares with it.
A share is that of the rows where the kind can occur: only a CPF that begins with 0 can lose a zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["repair", "null", "reject"]
TableKey = Literal["produtos", "clientes", "transacoes"]
TABLES: tuple[TableKey, ...] = ("produtos", "clientes", "transacoes")

DUPLICATE = "linha_repetida"
CONFLICT = "chave_em_conflito"
CASCADE = "referencia_rejeitada"


@dataclass(frozen=True, slots=True)
class Dirt:
    """One kind of dirt in one silver column. `repair`: the true value comes back; `null`: it is lost, the row is
    kept; `reject`: the row goes to quarantine."""

    column: str
    kind: str
    outcome: Outcome
    share: float

    @property
    def is_consequence(self) -> bool:
        """Not drawn: it follows from another table's dirt."""
        return self.kind == CASCADE


CATALOGUE: Mapping[TableKey, tuple[Dirt, ...]] = {
    "produtos": (
        Dirt("produto_id", "codigo_em_minusculas", "repair", 0.05),
        Dirt("codigo_barras", "digito_falso", "reject", 0.01),
        Dirt("nome", "utf8_dobrado", "repair", 0.10),
        Dirt("nome", "espacos", "repair", 0.05),
        Dirt("marca", "caixa", "repair", 0.05),
        Dirt("segmento", "sinonimo", "repair", 0.10),
        Dirt("preco_tabela", "moeda", "repair", 0.30),
        Dirt("preco_tabela", "sentinela", "reject", 0.01),
        Dirt("ativo", "sinonimo", "repair", 0.50),
    ),
    "clientes": (
        Dirt("cliente_id", "codigo_em_minusculas", "repair", 0.02),
        Dirt("nome", "utf8_dobrado", "repair", 0.04),
        Dirt("nome", "espacos", "repair", 0.03),
        Dirt("nome", "sentinela", "null", 0.01),
        Dirt("cpf", "digito_falso", "reject", 0.02),
        Dirt("cpf", "ausente", "reject", 0.005),
        Dirt("cpf", "zeros_perdidos", "repair", 0.30),
        Dirt("cpf", "formato", "repair", 0.40),
        Dirt("email", "invalido", "null", 0.02),
        Dirt("email", "ausente", "null", 0.02),
        Dirt("email", "dominio_em_maiusculas", "repair", 0.03),
        Dirt("telefone", "ddd_impossivel", "null", 0.02),
        Dirt("telefone", "ausente", "null", 0.02),
        Dirt("telefone", "formato", "repair", 0.50),
        Dirt("nascimento", "data_impossivel", "null", 0.01),
        Dirt("nascimento", "sentinela", "null", 0.01),
        Dirt("nascimento", "data_futura", "null", 0.003),
        Dirt("nascimento", "formato", "repair", 0.50),
        Dirt("cep", "outro_estado", "reject", 0.005),
        Dirt("cep", "zeros_perdidos", "repair", 0.30),
        Dirt("cep", "formato", "repair", 0.30),
        Dirt("municipio", "caixa", "repair", 0.10),
        Dirt("municipio", "sem_acento", "repair", 0.10),
        Dirt("municipio", "colado", "repair", 0.03),
        Dirt("municipio", "utf8_dobrado", "repair", 0.03),
        Dirt("municipio", "desconhecido", "reject", 0.003),
        Dirt("uf", "caixa", "repair", 0.05),
        Dirt("uf", "desconhecida", "reject", 0.002),
        Dirt("aceita_marketing", "sinonimo", "repair", 0.50),
    ),
    "transacoes": (
        Dirt("transacao_id", "codigo_em_minusculas", "repair", 0.01),
        Dirt("cliente_id", "orfao", "reject", 0.003),
        Dirt("cliente_id", "codigo_em_minusculas", "repair", 0.01),
        Dirt("cliente_id", CASCADE, "reject", 0.0),
        Dirt("produto_id", "orfao", "reject", 0.002),
        Dirt("produto_id", "codigo_em_minusculas", "repair", 0.05),
        Dirt("produto_id", CASCADE, "reject", 0.0),
        Dirt("pedido_em", "formato", "repair", 0.50),
        Dirt("pedido_em", "data_impossivel", "reject", 0.003),
        Dirt("pedido_em", "sentinela", "reject", 0.002),
        Dirt("pedido_em", "data_futura", "reject", 0.001),
        Dirt("restaurante", "utf8_dobrado", "repair", 0.03),
        Dirt("restaurante", "espacos", "repair", 0.02),
        Dirt("categoria", "sinonimo", "repair", 0.10),
        Dirt("municipio", "caixa", "repair", 0.10),
        Dirt("municipio", "sem_acento", "repair", 0.10),
        Dirt("municipio", "colado", "repair", 0.02),
        Dirt("municipio", "utf8_dobrado", "repair", 0.03),
        Dirt("municipio", "desconhecido", "reject", 0.002),
        Dirt("uf", "caixa", "repair", 0.03),
        Dirt("quantidade", "sentinela", "reject", 0.005),
        Dirt("quantidade", "estouro", "reject", 0.0005),
        Dirt("preco_unitario", "moeda", "repair", 0.20),
        Dirt("preco_unitario", "sentinela", "reject", 0.005),
        Dirt("preco_unitario", "ausente", "reject", 0.002),
        Dirt("forma_pagamento", "sinonimo", "repair", 0.30),
        Dirt("forma_pagamento", "desconhecida", "reject", 0.001),
        Dirt("entregue", "sinonimo", "repair", 0.50),
        Dirt("atualizado_em", "antes_do_pedido", "reject", 0.001),
    ),
}

ROW_SHARES: Mapping[TableKey, Mapping[str, float]] = {
    "produtos": {DUPLICATE: 0.02, CONFLICT: 0.02},
    "clientes": {DUPLICATE: 0.02, CONFLICT: 0.02},
    "transacoes": {DUPLICATE: 0.01, CONFLICT: 0.01},
}


def kinds() -> tuple[str, ...]:
    """Every name an option may give a share to, as `table.column.kind` and, for whole rows, `table.kind`."""
    cells = [
        f"{table}.{dirt.column}.{dirt.kind}" for table in TABLES for dirt in CATALOGUE[table] if not dirt.is_consequence
    ]
    rows = [f"{table}.{kind}" for table in TABLES for kind in ROW_SHARES[table]]
    return (*cells, *rows)


@dataclass(frozen=True, slots=True)
class Shares:
    """The shares in force: the catalogue's, some replaced by name, all multiplied by `scale`."""

    given: Mapping[str, float]
    scale: float = 1.0

    def of_cell(self, table: TableKey, dirt: Dirt) -> float:
        return self.given.get(f"{table}.{dirt.column}.{dirt.kind}", dirt.share * self.scale)

    def of_row(self, table: TableKey, kind: str) -> float:
        return self.given.get(f"{table}.{kind}", ROW_SHARES[table][kind] * self.scale)

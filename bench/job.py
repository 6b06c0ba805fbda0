"""The conform job that every contender does: its rules, its reasons and the tables it leaves.

Job: from the bronze table of `bench.vendas` to four Delta tables.
`silver`: id bigint, cpf text of 11 digits, cnpj text of 14, email with its domain in lower case, phone in E.164, cep
text of 8, preco decimal(12,2), data date, cidade trimmed, produto in upper case, updated_at timestamp in UTC; rows
without a failure, of each id only the one with the latest updated_at (a missing one is the oldest).
`quarantine`: every row with a failure, its bronze columns as they came, and `failures`, a list of {rule, column,
value, reason} in the order of RULES. `repairs`: (rule, rows) counted over all rows read. `gold`: (mes as yyyy-MM,
cidade, receita, linhas) over silver.

Blanks around a value do not count, and nothing left is a missing value. Every column but id may be missing.
CPF: dots and hyphens dropped; 9 or 10 digits are completed with zeros when the check digits prove it (a repair);
eleven equal digits are false. CNPJ: dots, slashes and hyphens dropped, letters allowed in the first twelve places; all
zeros is false. Telephone: optional +55, a DDD that exists, then 9 and eight digits or 2-5 and seven digits. CEP: 8
digits, or 7 when the first one lost was a zero (a repair), never below 01000-000. Price: pt-BR only, dots before every
three digits or nowhere, at most two decimals. Date: dd/mm/yyyy, yyyy-mm-dd or yyyymmdd, and a day that exists.
"""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """One reason to refuse a row; its position is its bit in a contender's mask."""

    rule: str
    column: str
    reason: str


RULES = (
    Rule("required", "id", "o valor é obrigatório e está ausente"),
    Rule("integer", "id", "não é um número inteiro"),
    Rule("br.cpf", "cpf", "não é um CPF válido"),
    Rule("br.cnpj", "cnpj", "não é um CNPJ válido"),
    Rule("email", "email", "não é um endereço de e-mail"),
    Rule("br.phone", "phone", "não é um telefone brasileiro"),
    Rule("br.cep", "cep", "não é um CEP"),
    Rule("decimal", "preco", "não é um valor no formato brasileiro"),
    Rule("date", "data", "não é uma data em nenhum dos formatos declarados"),
    Rule("minLength", "cidade", "tem menos de 3 caracteres"),
    Rule("pattern", "produto", "não segue o padrão do código de produto"),
    Rule("timestamp", "updated_at", "não é um instante ISO 8601"),
)
SOURCE_COLUMNS = (
    "id",
    "cpf",
    "cnpj",
    "email",
    "phone",
    "cep",
    "preco",
    "data",
    "cidade",
    "produto",
    "updated_at",
)
ORIGIN_COLUMNS = ("_source", "_source_row", "_ingested_at", "_run_id")
TABLES = ("silver", "quarantine", "repairs", "gold")

"""SQL laid out over lines for a person to read.

Invariant: nothing but the white space between words changes, so that what is shown is what runs.
"""

from __future__ import annotations

_INDENT = "  "
_CLAUSES = (
    *("SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "UNION", "INTERSECT", "EXCEPT", "WITH"),
    *("JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS"),
)
_JOINED = ("LEFT", "RIGHT", "FULL", "INNER", "CROSS", "OUTER", "SEMI", "ANTI")


def laid_out(sql: str) -> str:
    """Each clause and each item of a query on a line of its own, indented by the queries around it."""
    from sqlglot import TokenType
    from sqlglot.tokens import Tokenizer

    tokens = Tokenizer(dialect="duckdb").tokenize(sql)
    out: list[str] = []
    brackets: list[bool] = []
    end = 0
    for number, token in enumerate(tokens):
        gap = sql[end : token.start]
        words = sql[token.start : token.end + 1]
        before = tokens[number - 1].text.upper() if number else ""
        is_in_query = not brackets or brackets[-1]
        depth = sum(brackets)
        if token.token_type == TokenType.R_PAREN and brackets:
            was_query = brackets.pop()
            gap = f"\n{_INDENT * sum(brackets)}" if was_query else gap
        elif is_in_query and number and "\n" not in gap and _begins_line(words, before):
            gap = f"\n{_INDENT * (depth + (before == ','))}"
        if token.token_type == TokenType.L_PAREN:
            following = tokens[number + 1].text.upper() if number + 1 < len(tokens) else ""
            brackets.append(following in ("SELECT", "WITH"))
        out += [gap, words]
        end = token.end + 1
    return "".join(out) + sql[end:]


def _begins_line(words: str, before: str) -> bool:
    word = words.upper().split(maxsplit=1)[0]
    return before == "," or (word in _CLAUSES and not (before in _JOINED and word in ("JOIN", *_JOINED)))

"""What to write instead of functions that are often wanted and cannot be allowed."""

from __future__ import annotations

_NOW = "a model is a function of its tables; use a time column, such as _ingested_at"
_RANDOM = "a model gives the same rows every time; order or filter by a hash of the key, such as sha2(key, 256)"
_EXACT = "approximations differ between engines; "

ALTERNATIVES: dict[str, str] = {
    "current_date": _NOW,
    "curdate": _NOW,
    "current_timestamp": _NOW,
    "now": _NOW,
    "localtimestamp": _NOW,
    "rand": _RANDOM,
    "random": _RANDOM,
    "randn": _RANDOM,
    "uuid": _RANDOM,
    "shuffle": _RANDOM,
    "monotonically_increasing_id": "use row_number() OVER (ORDER BY key)",
    "approx_count_distinct": f"{_EXACT}use count(DISTINCT x)",
    "percentile_approx": f"{_EXACT}use percentile(x, 0.5)",
    "approx_percentile": f"{_EXACT}use percentile(x, 0.5)",
    "mode": "ties have no order; count in a subquery and take row_number() = 1",
    "any_value": "the row is not determined; use min, max, min_by or max_by",
    "hash": "hash values differ between engines; use sha2(x, 256)",
    "xxhash64": "hash values differ between engines; use sha2(x, 256)",
    "crc32": "use md5 or sha2(x, 256)",
    "from_json": "read the fields with get_json_object in silver, where the contract gives their types",
    "format_string": "join the parts with ||",
    "printf": "join the parts with ||",
    "format_number": "give the number, and let whoever shows it format it",
    "explode": "write LATERAL VIEW explode(x) t AS item",
    "explode_outer": "write LATERAL VIEW OUTER explode(x) t AS item",
    "posexplode": "write LATERAL VIEW posexplode(x) t AS position, item",
    "stack": "write one SELECT for each row, joined by UNION ALL",
    "window": "use date_trunc('hour', x)",
    "date_part": "write extract(FIELD FROM x)",
    "datepart": "write extract(FIELD FROM x)",
    "ilike": "use lower(x) LIKE 'pattern'",
    "levenshtein": "engines count bytes or characters; compare lower(x) = lower(y)",
    "struct": "write named_struct('name', value, ...)",
    "timestampdiff": "subtract unix_timestamp(x) values",
}

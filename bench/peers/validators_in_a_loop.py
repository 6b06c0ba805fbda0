"""python-stdnum, validate-docbr and brutils over a list: `python -m bench.peers.validators_in_a_loop LIBRARY VALUES`.

Each is called as its documentation shows, once a value. Prints JSON: {type: [seconds, valid values]} over the types
the library knows.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping

import pyarrow.parquet as pq

LIBRARIES = ("python-stdnum", "validate-docbr", "brutils")


def validators(library: str) -> Mapping[str, Callable[[str], bool]]:
    """The types a library knows, each with its own way to say whether a value is valid."""
    if library == "python-stdnum":
        from stdnum import ean
        from stdnum.br import cnpj, cpf

        return {"cpf": cpf.is_valid, "cnpj": cnpj.is_valid, "gtin": ean.is_valid}
    if library == "validate-docbr":
        from validate_docbr import CNPJ, CNS, CPF

        return {"cpf": CPF().validate, "cnpj": CNPJ().validate, "cns": CNS().validate}
    import brutils

    def is_cpf(value: str) -> bool:
        return brutils.is_valid_cpf(brutils.remove_symbols_cpf(value))

    def is_cnpj(value: str) -> bool:
        return brutils.is_valid_cnpj(brutils.remove_symbols_cnpj(value))

    def is_cep(value: str) -> bool:
        return brutils.is_valid_cep(brutils.remove_symbols_cep(value))

    def is_phone(value: str) -> bool:
        return brutils.is_valid_phone(brutils.remove_international_dialing_code(brutils.remove_symbols_phone(value)))

    return {
        "cpf": is_cpf,
        "cnpj": is_cnpj,
        "cep": is_cep,
        "phone": is_phone,
        "email": brutils.is_valid_email,
    }


def main(library: str, values: str) -> None:
    table = pq.read_table(values)
    taken: dict[str, tuple[float, int]] = {}
    for name, is_valid in validators(library).items():
        column = table[name].to_pylist()
        for value in column[:1000]:
            is_valid(value)
        started = time.perf_counter()
        valid = sum(1 for value in column if is_valid(value))
        taken[name] = (time.perf_counter() - started, valid)
    print(json.dumps(taken))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

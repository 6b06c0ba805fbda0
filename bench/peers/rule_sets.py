"""Great Expectations and Pandera over the rule set: `python -m bench.peers.rule_sets LIBRARY VALUES`.

One rule a column over a pandas frame, vectorised where the library allows it; check digits by python-stdnum or
validate-docbr, as neither library has them. Prints JSON: {"rule set": [seconds, rules that found a failure]}.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

if TYPE_CHECKING:
    import pandas as pd

LIBRARIES = ("pandera", "great-expectations")
REGEXES = {
    "email": r"^\s*[^@\s]+@[^@\s]+\.[A-Za-z]{2,}\s*$",
    "phone": r"^(\+?55)? ?\(?[1-9][1-9]\)? ?(9[0-9]{4}|[2-5][0-9]{3})-?[0-9]{4}$",
    "cep": r"^([1-9][0-9]{3,4}|0[1-9][0-9]{3})-?[0-9]{3}$",
    "gtin": r"^[0-9]{13}$",
}


def with_pandera(frame: pd.DataFrame) -> int:
    import pandera.pandas as pa
    from stdnum import ean
    from stdnum.br import cnpj, cpf
    from validate_docbr import CNS

    matches = {name: [pa.Check.str_matches(regex)] for name, regex in REGEXES.items()}
    digits = {
        "cpf": cpf.is_valid,
        "cnpj": cnpj.is_valid,
        "cns": CNS().validate,
        "gtin": ean.is_valid,
    }
    checks = {name: [pa.Check(is_valid, element_wise=True)] for name, is_valid in digits.items()}
    schema = pa.DataFrameSchema({name: pa.Column(str, matches.get(name, []) + checks.get(name, [])) for name in frame})
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as found:
        return int(found.failure_cases["check"].nunique())
    return 0


def with_great_expectations(frame: pd.DataFrame) -> int:
    import great_expectations as gx
    from stdnum import ean
    from stdnum.br import cnpj, cpf
    from validate_docbr import CNS

    digits = {
        "cpf": cpf.is_valid,
        "cnpj": cnpj.is_valid,
        "cns": CNS().validate,
        "gtin": ean.is_valid,
    }
    proved = frame.assign(**{f"{name}_ok": frame[name].map(is_valid) for name, is_valid in digits.items()})
    context = gx.get_context(mode="ephemeral")
    batch = (
        context.data_sources.add_pandas("values")
        .add_dataframe_asset("values")
        .add_batch_definition_whole_dataframe("all")
    )
    expectations = [gx.expectations.ExpectColumnValuesToMatchRegex(column=n, regex=r) for n, r in REGEXES.items()]
    expectations += [gx.expectations.ExpectColumnValuesToBeInSet(column=f"{n}_ok", value_set=[True]) for n in digits]
    suite = gx.ExpectationSuite(name="values", expectations=expectations)
    found = batch.get_batch(batch_parameters={"dataframe": proved}).validate(suite)
    return sum(1 for outcome in found.results if not outcome.success)


def main(library: str, values: str) -> None:
    frame = pq.read_table(values).to_pandas()
    check = with_pandera if library == "pandera" else with_great_expectations
    check(frame.head(1000))
    started = time.perf_counter()
    failing = check(frame)
    print(json.dumps({"rule set": (time.perf_counter() - started, failing)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

"""The conform job by our own contract: `python -m bench.ours.conform BRONZE OUT [MEMORY]`.

A project is made around the bronze table, and its steps do the job as `afluente run` would: the contract conforms it,
the rules are asked, a model makes gold, and all of it is committed. The tables are then shown under the names
`bench.job` gives them.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

CONTRACT = Path(__file__).resolve().parent.parent / "contracts" / "vendas_bench.odcs.yaml"
MISSING = ""
SETTINGS = """
name: bench
timezone: UTC
lake: lake
state: sqlite:///.afluente/state.db
engine: {engine}
sources:
  vendas: {{connector: files, path: "nothing.csv", into: bronze.vendas}}
"""
MODEL = """/* ---
description: revenue by month and city
owner: bench
columns:
  - {name: mes, type: string, description: month}
  - {name: cidade, type: string, description: city}
  - {name: receita, type: "decimal(18,2)", description: revenue}
  - {name: linhas, type: bigint, description: rows}
--- */
SELECT date_format(data, 'yyyy-MM') AS mes, cidade, sum(preco) AS receita, count(*) AS linhas
FROM silver.vendas
GROUP BY date_format(data, 'yyyy-MM'), cidade
"""
REPAIRS = {"br.cpf.leading_zeros": "br.cpf", "br.cep.leading_zero": "br.cep"}


def conform(bronze: Path, out: Path, *, engine: str = "duckdb") -> None:
    """Leave silver, quarantine, repairs and gold under `out`."""
    import os

    from afluente.project.load import load_project
    from afluente.runs.plan import Step
    from afluente.runs.steps.conform_step import ConformStep
    from afluente.runs.steps.model_step import ModelStep
    from afluente.runs.steps.workspace import Workspace

    root = out / "project"
    for folder in ("contracts", "models", "lake/bronze"):
        (root / folder).mkdir(parents=True)
    (root / "afluente.yaml").write_text(SETTINGS.format(engine=engine))
    shutil.copy(CONTRACT, root / "contracts")
    (root / "models" / "gold.sql").write_text(MODEL)
    shutil.copytree(bronze, root / "lake" / "bronze" / "vendas", copy_function=os.link)
    project = load_project(root, environment=os.environ, typed_in=root)
    with Workspace(project) as workspace:
        silver = ConformStep(workspace, Step("silver.vendas", "conform"), run_id="bench")
        outcome = silver.run(silver.prepare())
        if outcome.status != "done":
            raise SystemExit(f"{outcome.status}: {outcome.error_message}")
        gold = ModelStep(workspace, Step("gold.gold", "model"), run_id="bench")
        gold.run(gold.prepare())
        repairs = {REPAIRS[r.rule]: r.rows for r in outcome.repairs if r.rule in REPAIRS}
    _show(root, out, repairs)


def _show(root: Path, out: Path, repairs: dict[str, int]) -> None:
    import pyarrow as pa
    from deltalake import write_deltalake

    for name, table in (("silver", "silver/vendas"), ("quarantine", "quarantine/vendas"), ("gold", "gold/gold")):
        (out / name).symlink_to(root / "lake" / table)
    write_deltalake(out / "repairs", pa.table({"rule": list(repairs), "rows": list(repairs.values())}))


if __name__ == "__main__":
    limits = [f"{{duckdb: {{memory_limit: {limit}}}}}" for limit in sys.argv[3:4]]
    conform(Path(sys.argv[1]), Path(sys.argv[2]), engine=limits[0] if limits else "duckdb")

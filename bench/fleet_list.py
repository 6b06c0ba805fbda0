"""The list that the fleet's benchmark reads: everybody of a PEC, as wide as a list of hypertension."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from afluente_agent.catalogue import ListQuery

SQL = """
SELECT z.co_seq_fat_cidadao_pec AS co_cidadao,
       z.no_cidadao,
       z.no_social_cidadao,
       z.nu_cns,
       z.nu_cpf_cidadao,
       z.co_dim_tempo_nascimento AS nascimento,
       s.sg_sexo AS sexo,
       z.nu_telefone_celular,
       u.nu_cnes,
       u.no_unidade_saude,
       e.nu_ine,
       e.no_equipe,
       c.nu_micro_area,
       c.st_hipertensao_arterial = 1 AS autorreferida,
       c.st_diabete = 1 AS diabete,
       c.co_dim_tempo AS cadastro,
       c.nu_uuid_ficha AS ficha
  FROM tb_fat_cidadao_pec z
  LEFT JOIN tb_fat_cad_individual c ON c.co_fat_cidadao_pec = z.co_seq_fat_cidadao_pec
  LEFT JOIN tb_dim_sexo s ON s.co_seq_dim_sexo = z.co_dim_sexo
  LEFT JOIN tb_dim_unidade_saude u ON u.co_seq_dim_unidade_saude = z.co_dim_unidade_saude_vinc
  LEFT JOIN tb_dim_equipe e ON e.co_seq_dim_equipe = z.co_dim_equipe_vinc
"""
_INTEGERS = {"co_cidadao", "nascimento", "cadastro"}
_BOOLEANS = {"autorreferida", "diabete"}
_NAMES = (
    "co_cidadao no_cidadao no_social_cidadao nu_cns nu_cpf_cidadao nascimento sexo nu_telefone_celular nu_cnes "
    "no_unidade_saude nu_ine no_equipe nu_micro_area autorreferida diabete cadastro ficha"
).split()


def the_list() -> ListQuery:
    from afluente_agent.catalogue import Column, ListQuery

    columns = tuple(
        Column(name, "integer" if name in _INTEGERS else "boolean" if name in _BOOLEANS else "text") for name in _NAMES
    )
    return ListQuery(
        name="cidadaos",
        sql=(SQL.strip(),),
        columns=columns,
        key=("co_cidadao",),
        purpose="bench",
        most_rows=20_000_000,
        most_seconds=3600,
        most_bytes=2 * 1024**3,
    )

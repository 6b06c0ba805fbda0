/* ---
description: Pessoas com hipertensão por unidade de saúde, e quantas tiveram consulta.
owner: dados
columns:
  - {name: municipio, type: string, description: Código IBGE, classification: public}
  - {name: nu_cnes, type: string, description: Unidade de saúde, classification: public}
  - {name: pessoas, type: bigint, description: Pessoas na lista, classification: internal}
  - {name: com_consulta, type: bigint, description: Delas com ao menos uma consulta com o diagnóstico, classification: internal}
--- */
SELECT
  h.municipio,
  h.nu_cnes,
  count(*) AS pessoas,
  CAST(sum(CASE WHEN h.consultas > 0 THEN 1 ELSE 0 END) AS BIGINT) AS com_consulta
FROM silver.hipertensao AS h
WHERE h.nu_cnes IS NOT NULL
GROUP BY h.municipio, h.nu_cnes

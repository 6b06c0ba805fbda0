/* ---
description: Participação de cada marca nas unidades e na receita de seu segmento, por mês e estado.
owner: dados
columns:
  - {name: mes, type: string, description: "Mês do pedido, yyyy-MM, no fuso do projeto", classification: public}
  - {name: uf, type: string, description: Estado, classification: public}
  - {name: segmento, type: string, description: Segmento, classification: public}
  - {name: marca, type: string, description: Marca, classification: public}
  - {name: unidades, type: bigint, description: Unidades da marca, classification: internal}
  - {name: receita, type: "decimal(18,2)", description: Receita da marca, classification: internal}
  - {name: unidades_segmento, type: bigint, description: Unidades de todas as marcas do segmento, classification: internal}
  - {name: receita_segmento, type: "decimal(18,2)", description: Receita de todas as marcas do segmento, classification: internal}
  - {name: participacao_unidades, type: "decimal(7,4)", description: De 0 a 1, classification: internal}
  - {name: participacao_receita, type: "decimal(7,4)", description: De 0 a 1, classification: internal}
  - {name: posicao, type: int, description: Colocação da marca no segmento por receita, classification: internal}
--- */
WITH marcas AS (
  SELECT
    date_format(t.pedido_em, 'yyyy-MM') AS mes,
    t.uf,
    p.segmento,
    p.marca,
    CAST(sum(t.quantidade) AS BIGINT) AS unidades,
    CAST(sum(t.quantidade * t.preco_unitario) AS DECIMAL(18, 2)) AS receita
  FROM silver.transacoes AS t
  JOIN silver.produtos AS p ON p.produto_id = t.produto_id
  WHERE t.entregue
  GROUP BY date_format(t.pedido_em, 'yyyy-MM'), t.uf, p.segmento, p.marca
),

segmentos AS (
  SELECT
    mes,
    uf,
    segmento,
    CAST(sum(unidades) AS BIGINT) AS unidades_segmento,
    CAST(sum(receita) AS DECIMAL(18, 2)) AS receita_segmento
  FROM marcas
  GROUP BY mes, uf, segmento
)

SELECT
  m.mes,
  m.uf,
  m.segmento,
  m.marca,
  m.unidades,
  m.receita,
  s.unidades_segmento,
  s.receita_segmento,
  CAST(CAST(m.unidades AS DECIMAL(20, 2)) / CAST(s.unidades_segmento AS DECIMAL(18, 0)) AS DECIMAL(7, 4))
    AS participacao_unidades,
  CAST(m.receita / s.receita_segmento AS DECIMAL(7, 4)) AS participacao_receita,
  row_number() OVER (PARTITION BY m.mes, m.uf, m.segmento ORDER BY m.receita DESC, m.marca ASC) AS posicao
FROM marcas AS m
JOIN segmentos AS s ON s.mes = m.mes AND s.uf = m.uf AND s.segmento = m.segmento

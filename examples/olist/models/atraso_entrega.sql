/* ---
description: Entregas por mês da compra e estado do cliente, e quantas chegaram depois do dia prometido.
owner: dados
columns:
  - {name: mes, type: string, description: "Mês da compra, yyyy-MM", classification: public}
  - {name: uf, type: string, description: Estado do cliente, classification: public}
  - {name: entregues, type: bigint, description: Pedidos entregues, classification: internal}
  - {name: atrasados, type: bigint, description: Entregues depois do dia prometido, classification: internal}
  - {name: dias_de_atraso, type: bigint, description: Soma dos dias de atraso dos atrasados, classification: internal}
  - {name: dias_ate_entrega, type: bigint, description: Soma dos dias da compra à entrega, classification: internal}
  - {name: parte_atrasada, type: "decimal(5,4)", description: De 0 a 1, classification: internal}
--- */
WITH entregas AS (
  SELECT
    date_format(p.comprado_em, 'yyyy-MM') AS mes,
    c.uf,
    datediff(CAST(p.entregue_em AS DATE), p.entrega_prevista) AS atraso,
    datediff(CAST(p.entregue_em AS DATE), CAST(p.comprado_em AS DATE)) AS demora
  FROM silver.pedidos AS p
  JOIN silver.clientes AS c ON c.cliente_id = p.cliente_id
  WHERE p.situacao = 'delivered' AND p.entregue_em IS NOT NULL
)

SELECT
  mes,
  uf,
  count(*) AS entregues,
  sum(CASE WHEN atraso > 0 THEN 1 ELSE 0 END) AS atrasados,
  sum(CASE WHEN atraso > 0 THEN atraso ELSE 0 END) AS dias_de_atraso,
  sum(demora) AS dias_ate_entrega,
  CAST(
    CAST(sum(CASE WHEN atraso > 0 THEN 1 ELSE 0 END) AS DECIMAL(20, 2)) / CAST(count(*) AS DECIMAL(18, 0))
    AS DECIMAL(5, 4)
  ) AS parte_atrasada
FROM entregas
GROUP BY mes, uf

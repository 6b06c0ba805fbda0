/* ---
description: Vendas entregues por dia, produto e praça.
owner: dados
partition_by: [mes]
incremental: {time_column: mes, source: silver.transacoes, source_column: "date_format(pedido_em, 'yyyy-MM')", lookback: 0}
columns:
  - {name: mes, type: string, description: "Mês do pedido, yyyy-MM, no fuso do projeto", classification: public}
  - {name: dia, type: date, description: Dia do pedido, classification: public}
  - {name: produto_id, type: string, description: Código do produto, classification: public}
  - {name: produto, type: string, description: Nome do produto, classification: public}
  - {name: marca, type: string, description: Marca, classification: public}
  - {name: segmento, type: string, description: Segmento, classification: public}
  - {name: municipio, type: string, description: Código do IBGE, classification: public}
  - {name: cidade, type: string, description: Nome da cidade, classification: public}
  - {name: uf, type: string, description: Estado, classification: public}
  - {name: transacoes, type: bigint, description: Vendas, classification: internal}
  - {name: unidades, type: bigint, description: Unidades vendidas, classification: internal}
  - {name: clientes, type: bigint, description: Clientes diferentes que compraram, classification: internal}
  - {name: receita, type: "decimal(18,2)", description: Soma de quantidade vezes preço, classification: internal}
--- */
SELECT
  date_format(t.pedido_em, 'yyyy-MM') AS mes,
  CAST(t.pedido_em AS DATE) AS dia,
  t.produto_id,
  p.nome AS produto,
  p.marca,
  p.segmento,
  t.municipio,
  c.cidade,
  t.uf,
  count(*) AS transacoes,
  sum(t.quantidade) AS unidades,
  count(DISTINCT t.cliente_id) AS clientes,
  sum(t.quantidade * t.preco_unitario) AS receita
FROM silver.transacoes AS t
JOIN silver.produtos AS p ON p.produto_id = t.produto_id
LEFT JOIN silver.pracas AS c ON c.municipio = t.municipio
WHERE t.entregue
GROUP BY
  date_format(t.pedido_em, 'yyyy-MM'),
  CAST(t.pedido_em AS DATE),
  t.produto_id,
  p.nome,
  p.marca,
  p.segmento,
  t.municipio,
  c.cidade,
  t.uf

/* ---
description: Cada venda entregue com seu produto e sua praça; a base de onde os produtos de dados são agregados.
owner: dados
partition_by: [mes]
incremental: {time_column: mes, source: silver.transacoes, source_column: "date_format(pedido_em, 'yyyy-MM')", lookback: 0}
columns:
  - {name: mes, type: string, description: "Mês do pedido, yyyy-MM, no fuso do projeto", classification: public}
  - {name: dia, type: date, description: Dia do pedido, classification: public}
  - {name: municipio, type: string, description: Código do IBGE, classification: public}
  - {name: cidade, type: string, description: Nome da cidade, classification: public}
  - {name: uf, type: string, description: Estado, classification: public}
  - {name: produto_id, type: string, description: Código do produto, classification: public}
  - {name: produto, type: string, description: Nome do produto, classification: public}
  - {name: marca, type: string, description: Marca, classification: public}
  - {name: segmento, type: string, description: Segmento, classification: public}
  - {name: cliente_id, type: string, description: Quem comprou, classification: quasi_identifier}
  - {name: quantidade, type: bigint, description: Unidades vendidas, classification: internal}
  - {name: valor, type: "decimal(18,2)", description: Quantidade vezes preço, classification: internal}
--- */
SELECT
  date_format(t.pedido_em, 'yyyy-MM') AS mes,
  CAST(t.pedido_em AS DATE) AS dia,
  t.municipio,
  c.cidade,
  t.uf,
  t.produto_id,
  p.nome AS produto,
  p.marca,
  p.segmento,
  t.cliente_id,
  t.quantidade,
  CAST(t.quantidade * t.preco_unitario AS DECIMAL(18, 2)) AS valor
FROM silver.transacoes AS t
JOIN silver.produtos AS p ON p.produto_id = t.produto_id
LEFT JOIN silver.pracas AS c ON c.municipio = t.municipio
WHERE t.entregue

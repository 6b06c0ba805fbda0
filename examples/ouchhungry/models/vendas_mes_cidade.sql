/* ---
description: Vendas entregues por mês, cidade e marca, com preço médio, unidades e clientes alcançados.
owner: dados
columns:
  - {name: mes, type: string, description: "Mês do pedido, yyyy-MM, no fuso do projeto", classification: public}
  - {name: municipio, type: string, description: Código do IBGE, classification: public}
  - {name: cidade, type: string, description: Nome da cidade, classification: public}
  - {name: uf, type: string, description: Estado, classification: public}
  - {name: marca, type: string, description: Marca, classification: public}
  - {name: segmento, type: string, description: Segmento, classification: public}
  - {name: transacoes, type: bigint, description: Vendas, classification: internal}
  - {name: unidades, type: bigint, description: Unidades vendidas, classification: internal}
  - {name: clientes, type: bigint, description: Clientes alcançados (diferentes no mês), classification: internal}
  - {name: receita, type: "decimal(18,2)", description: Soma de quantidade vezes preço, classification: internal}
  - {name: preco_medio, type: "decimal(12,2)", description: Receita por unidade, classification: internal}
--- */
SELECT
  v.mes,
  v.municipio,
  c.cidade,
  v.uf,
  v.marca,
  v.segmento,
  v.transacoes,
  v.unidades,
  v.clientes,
  CAST(v.receita AS DECIMAL(18, 2)) AS receita,
  CAST(CAST(v.receita AS DECIMAL(18, 2)) / CAST(v.unidades AS DECIMAL(18, 0)) AS DECIMAL(12, 2)) AS preco_medio
FROM (
  SELECT
    date_format(t.pedido_em, 'yyyy-MM') AS mes,
    t.municipio,
    t.uf,
    p.marca,
    p.segmento,
    count(*) AS transacoes,
    sum(t.quantidade) AS unidades,
    count(DISTINCT t.cliente_id) AS clientes,
    sum(t.quantidade * t.preco_unitario) AS receita
  FROM silver.transacoes AS t
  JOIN silver.produtos AS p ON p.produto_id = t.produto_id
  WHERE t.entregue
  GROUP BY date_format(t.pedido_em, 'yyyy-MM'), t.municipio, t.uf, p.marca, p.segmento
) AS v
LEFT JOIN silver.pracas AS c ON c.municipio = v.municipio

/* ---
description: Um item de pedido por linha, com tudo o que se sabe do pedido, do cliente, do produto e do vendedor.
owner: dados
columns:
  - {name: pedido_id, type: string, description: Pedido, classification: internal}
  - {name: item, type: int, description: Número do item no pedido, classification: internal}
  - {name: mes, type: string, description: "Mês da compra, yyyy-MM", classification: public}
  - {name: comprado_em, type: timestamp, description: Instante da compra, classification: internal}
  - {name: situacao, type: string, description: Situação do pedido, classification: public}
  - {name: vale_receita, type: boolean, description: "Se conta na receita: nem cancelado, nem indisponível, nem só criado", classification: public}
  - {name: cliente_unico_id, type: string, description: A pessoa que comprou, classification: quasi_identifier}
  - {name: cliente_municipio, type: string, description: Código do IBGE, classification: quasi_identifier}
  - {name: cliente_uf, type: string, description: Estado do cliente, classification: quasi_identifier}
  - {name: produto_id, type: string, description: Produto, classification: public}
  - {name: categoria, type: string, description: Categoria do produto, classification: public}
  - {name: categoria_en, type: string, description: Categoria em inglês, classification: public}
  - {name: vendedor_id, type: string, description: Vendedor, classification: internal}
  - {name: vendedor_municipio, type: string, description: Código do IBGE, classification: internal}
  - {name: vendedor_uf, type: string, description: Estado do vendedor, classification: internal}
  - {name: preco, type: "decimal(12,2)", description: Preço do item, classification: internal}
  - {name: frete, type: "decimal(12,2)", description: Frete do item, classification: internal}
  - {name: itens_do_pedido, type: bigint, description: Itens do mesmo pedido, classification: internal}
  - {name: pago_no_pedido, type: "decimal(18,2)", description: Soma dos pagamentos do pedido inteiro, classification: internal}
  - {name: notas, type: bigint, description: Avaliações do pedido, classification: internal}
  - {name: soma_notas, type: bigint, description: Soma das notas do pedido, classification: internal}
  - {name: entregue_em, type: timestamp, description: Instante da entrega, classification: internal}
  - {name: entrega_prevista, type: date, description: Dia prometido, classification: internal}
  - {name: dias_de_atraso, type: int, description: "Dias depois do prometido; negativo é adiantado", classification: internal}
--- */
WITH pagos AS (
  SELECT pedido_id, sum(valor) AS pago
  FROM silver.pagamentos
  GROUP BY pedido_id
),

notas AS (
  SELECT pedido_id, count(*) AS notas, sum(nota) AS soma_notas
  FROM silver.avaliacoes
  GROUP BY pedido_id
)

SELECT
  i.pedido_id,
  i.item,
  date_format(p.comprado_em, 'yyyy-MM') AS mes,
  p.comprado_em,
  p.situacao,
  p.situacao NOT IN ('canceled', 'unavailable', 'created') AS vale_receita,
  c.cliente_unico_id,
  c.municipio AS cliente_municipio,
  c.uf AS cliente_uf,
  i.produto_id,
  d.categoria,
  t.categoria_en,
  i.vendedor_id,
  v.municipio AS vendedor_municipio,
  v.uf AS vendedor_uf,
  i.preco,
  i.frete,
  count(*) OVER (PARTITION BY i.pedido_id) AS itens_do_pedido,
  g.pago AS pago_no_pedido,
  n.notas,
  n.soma_notas,
  p.entregue_em,
  p.entrega_prevista,
  datediff(CAST(p.entregue_em AS DATE), p.entrega_prevista) AS dias_de_atraso
FROM silver.itens AS i
JOIN silver.pedidos AS p ON p.pedido_id = i.pedido_id
JOIN silver.clientes AS c ON c.cliente_id = p.cliente_id
LEFT JOIN silver.produtos AS d ON d.produto_id = i.produto_id
LEFT JOIN silver.categorias AS t ON t.categoria = d.categoria
LEFT JOIN silver.vendedores AS v ON v.vendedor_id = i.vendedor_id
LEFT JOIN pagos AS g ON g.pedido_id = i.pedido_id
LEFT JOIN notas AS n ON n.pedido_id = i.pedido_id

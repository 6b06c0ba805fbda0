/* ---
description: >-
  Vendas por mês da compra e estado do cliente. Um pedido cancelado, indisponível ou só criado não é venda;
  um pedido sem itens não vende nada e não conta.
owner: dados
columns:
  - {name: mes, type: string, description: "Mês da compra, yyyy-MM", classification: public}
  - {name: uf, type: string, description: Estado do cliente, classification: public}
  - {name: pedidos, type: bigint, description: Pedidos diferentes, classification: internal}
  - {name: itens, type: bigint, description: Itens vendidos, classification: internal}
  - {name: receita, type: "decimal(18,2)", description: Soma do preço dos itens, classification: internal}
--- */
SELECT
  date_format(p.comprado_em, 'yyyy-MM') AS mes,
  c.uf,
  count(DISTINCT p.pedido_id) AS pedidos,
  count(*) AS itens,
  sum(i.preco) AS receita
FROM silver.itens AS i
JOIN silver.pedidos AS p ON p.pedido_id = i.pedido_id
JOIN silver.clientes AS c ON c.cliente_id = p.cliente_id
WHERE p.situacao NOT IN ('canceled', 'unavailable', 'created')
GROUP BY date_format(p.comprado_em, 'yyyy-MM'), c.uf

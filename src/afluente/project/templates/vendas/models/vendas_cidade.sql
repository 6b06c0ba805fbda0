/* ---
description: Vendas por cidade, sem os pedidos cancelados
owner: dados@example.com
columns:
  - {name: cidade, type: string, description: Cidade do pedido}
  - {name: pedidos, type: bigint, description: Pedidos não cancelados}
  - {name: receita, type: "decimal(18,2)", description: Soma do valor dos pedidos}
--- */
SELECT cidade, count(*) AS pedidos, sum(valor) AS receita
FROM silver.pedidos
WHERE situacao <> 'cancelado'
GROUP BY cidade

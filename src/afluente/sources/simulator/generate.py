"""Any table of the simulated company as its files.

Invariant: a table is the same whether the others are made or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from afluente.sources.simulator import orders
from afluente.sources.simulator.company import Simulation
from afluente.sources.simulator.customers import CUSTOMERS_FILE, simulate_customers
from afluente.sources.simulator.dirt import TableKey
from afluente.sources.simulator.products import PRODUCTS_FILE, simulate_products
from afluente.sources.simulator.sheet import SimulatedFile


def file_names(table: TableKey, simulation: Simulation) -> tuple[str, ...]:
    """The names of a table's files, in order."""
    match table:
        case "produtos":
            return (PRODUCTS_FILE,)
        case "clientes":
            return (CUSTOMERS_FILE,)
        case "transacoes":
            return orders.file_names(simulation)
        case _:
            assert_never(table)


def simulate(table: TableKey, simulation: Simulation) -> Iterator[SimulatedFile]:
    """A table's files, in order, each made when it is asked for."""
    match table:
        case "produtos":
            yield simulate_products(simulation).file
        case "clientes":
            yield simulate_customers(simulation).file
        case "transacoes":
            products, customers = simulate_products(simulation), simulate_customers(simulation)
            yield from orders.simulate_orders(simulation, customers, products)
        case _:
            assert_never(table)

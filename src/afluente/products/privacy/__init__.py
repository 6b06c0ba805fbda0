"""How private a release is: cells, regions, the gate and the ledger."""

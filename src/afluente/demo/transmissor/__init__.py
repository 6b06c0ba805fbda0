"""The demo of the fleet: a hub, its central database and municipalities' agents, all on this machine."""

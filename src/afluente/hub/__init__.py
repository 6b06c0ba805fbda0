"""The doors of the fleet: what agents reach and what operators reach, on separate ports."""

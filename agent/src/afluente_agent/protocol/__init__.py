"""What agent and hub say to each other. Standard library only, no I/O."""

"""The rush at eight: simulated agents, a hub, a central database, and someone who only wants to read."""

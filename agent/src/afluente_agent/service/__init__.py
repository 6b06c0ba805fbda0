"""What keeps the agent running: systemd on Linux, a scheduled task or a service on Windows, and the watchdog of each."""

"""`python -m afluente_agent`."""

from afluente_agent.cli import main

if __name__ == "__main__":
    raise SystemExit(main())

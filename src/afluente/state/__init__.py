"""The platform's own state in SQL: runs, steps, outcomes, events, outbox. The same on SQLite and PostgreSQL."""

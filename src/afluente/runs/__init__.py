"""Plans carried out as durable workflows: execute, schedule, resume, serve."""

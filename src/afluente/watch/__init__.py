"""What is watched in every project: guardrails, baselines and alerts."""

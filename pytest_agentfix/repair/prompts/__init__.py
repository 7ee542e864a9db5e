"""What an agent is told, and what source it is shown."""

"""Server-sent events: reading, writing, and joining what was cut up."""

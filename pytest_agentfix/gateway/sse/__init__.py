"""Server-sent events: parsing, rendering, and joining texts cut into pieces."""

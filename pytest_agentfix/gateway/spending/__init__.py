"""What model access takes: held before, charged afterwards, and capped."""

"""Programs sent as text into a sandbox, where this package is not installed."""

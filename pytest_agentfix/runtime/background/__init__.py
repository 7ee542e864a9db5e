"""A process of its own that makes things ready while the suite is still running."""

"""HTTP on both sides: requests from the sandbox, and their way to the provider and back."""

"""The prompts for an agent, and the source code in them."""

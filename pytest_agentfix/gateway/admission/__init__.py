"""What of the sandbox's requests passes, and in which form. Pure."""

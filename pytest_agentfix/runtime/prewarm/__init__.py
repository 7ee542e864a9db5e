"""What is made ready by another process while the suite still runs."""

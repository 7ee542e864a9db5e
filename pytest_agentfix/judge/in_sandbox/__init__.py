"""Programs sent as text into the judge's sandboxes; they have the standard library and pytest."""

"""Programs sent as text into the judge's sandboxes; they use only pytest and what Python has."""

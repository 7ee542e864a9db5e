"""Everything that implements a pytest hook or reads pytest's own objects."""

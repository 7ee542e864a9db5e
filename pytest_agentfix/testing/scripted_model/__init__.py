"""A model whose words are scripted, over real HTTP in four protocols."""

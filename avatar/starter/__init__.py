"""How the starter painter was made: the drawn characters it learned from, its prompts, its training, its weights."""

"""Who speaks: persona files, prompt, token budget. Pure Python: no torch, no Discord."""

"""The one GPU (thread, steps, priorities), the language model, sampling. Knows no persona, emotion or avatar."""

"""Lorebooks from the inside: entries, their readers, the matcher, and the engine (engine.py), which is the door."""

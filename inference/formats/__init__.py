"""Model files as they are found in the world, read one tensor at a time: folders of transformers, GGUF, chat templates.

`inference/loader.py` chooses among them; nothing here knows the device thread, a sampler or a reply.
"""

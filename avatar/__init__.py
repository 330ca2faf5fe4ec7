"""How it looks: mask, inpainting, shelf."""

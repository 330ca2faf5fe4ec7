"""What is right, unused and surprising in persona folders, community cards and lorebooks, before anybody meets them."""

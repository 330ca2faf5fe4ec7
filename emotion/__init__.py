"""What is felt: the classifier and the mood."""

"""What a study found, as figures for a paper and as one self-contained page."""

"""Scores by the official rules: one confusion matrix over all pixels, and scores that count instances."""

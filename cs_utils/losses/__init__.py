"""The losses of the journey: the right ones, and the ways in which they go wrong."""

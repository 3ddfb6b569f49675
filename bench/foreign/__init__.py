"""Weights from elsewhere: what a file is, what it may hold, and how its names become those of a network of ours.

Nothing in a file is ever run. `kinds` and `pickled` look at bytes alone and need no torch; tensors are read by
safetensors, or by torch's reader for weights alone.
"""

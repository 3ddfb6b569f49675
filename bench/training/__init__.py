"""Carries out one run: its stages, their checkpoints, and what is measured at the end."""

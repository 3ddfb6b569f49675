"""Published numbers recomputed from their authors' own networks."""

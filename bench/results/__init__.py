"""What a run left, as data: its record, and one line per run and point for tables."""

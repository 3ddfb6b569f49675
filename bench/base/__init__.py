"""What knows nothing of pruning: files, locks, devices, processes, text."""

"""What there is, shown to people and to programs: methods, and what was found on this machine."""

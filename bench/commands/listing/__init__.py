"""What there is, shown to people and to programs: methods, architectures, recipes, and what this machine has."""

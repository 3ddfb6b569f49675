"""Pruning methods: one module each, found by its file name. See CONTRIBUTING.md to add one."""

"""The dashboard's core: all that works without a screen; docs/architecture.md has the map."""

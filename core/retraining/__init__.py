"""The decision to train again, and the release of the version that it gives."""

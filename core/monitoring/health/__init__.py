"""The checks that judge health from measured inputs; pure."""

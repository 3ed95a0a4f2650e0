"""Parts of the page System."""

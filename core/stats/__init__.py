"""Pure arithmetic on arrays: intervals, tests and distances, without input or output."""

"""The routes that score: one row, many, and those that decide among or about what is scored."""

"""Raw values, columns and rows parsed into samples."""

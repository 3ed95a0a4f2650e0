"""Raw values, columns and rows read as what they mean."""

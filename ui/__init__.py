"""What the pages are made of: the guard, the words of numbers, charts, tables and actions."""

"""Text that leaves or comes in: secrets masked, hidden characters shown, formulas defused."""

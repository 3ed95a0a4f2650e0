"""From where the team has its labelled rows to an immutable snapshot, checked on the way."""

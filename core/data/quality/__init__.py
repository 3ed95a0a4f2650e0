"""The data checks: the issues of the rows, their severity, and the next step."""

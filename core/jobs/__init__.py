"""Long work as rows: tasks, the child process that runs one, and the schedule."""

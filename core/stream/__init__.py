"""A real time-ordered file as live traffic with late labels: what would have happened."""

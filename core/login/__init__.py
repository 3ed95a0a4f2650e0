"""Access to the dashboard: the login provider, the person who came back, and their sessions."""

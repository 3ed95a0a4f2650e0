"""Who may use the dashboard: the login provider, the person who came back, and their sessions."""

"""From figures to incidents, and from incidents to people."""

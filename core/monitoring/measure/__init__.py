"""Figures of the traffic: rollups, performance and label delay."""

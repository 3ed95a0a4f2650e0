"""What happened to the predictions: figures, health and the evidence for both."""

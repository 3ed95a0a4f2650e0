"""The figures of the predictions, their health, and the evidence for both."""

"""What the prediction API is made of: reading requests, answering, and saying what is wrong."""

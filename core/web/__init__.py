"""The parts of the prediction API: reading requests, routing, answers and refusals."""

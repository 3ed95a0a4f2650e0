"""From raw feature values to the matrix a model sees, the same in training and serving."""

"""Training as the lessons build it: the loop, the callbacks, the gradient check."""

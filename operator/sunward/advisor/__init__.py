"""What-if advice: a designer's sentence becomes a checked problem, its exact optimum and an explanation."""

"""Break everything but the promises: faults in the order of a seed, while clients book and pay."""

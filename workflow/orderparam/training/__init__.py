"""Training runs: the schedule of measurements, the batches, the loop and what it leaves on disk."""

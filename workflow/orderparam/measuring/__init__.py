"""What is read off a model: losses, probes, sampled text, throughput. Imports text, model, training."""

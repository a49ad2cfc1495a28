"""What is read off a model: losses, probes, sampled text, throughput. Imports settings, text, model,
training.
"""

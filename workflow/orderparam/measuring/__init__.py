"""What is measured of a model: losses, probes, verification, sampled text, throughput. Imports settings,
text, model, training.
"""

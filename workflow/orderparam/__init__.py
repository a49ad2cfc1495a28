"""Order parameter of a language model: the measurements, and the analysis of their transitions."""

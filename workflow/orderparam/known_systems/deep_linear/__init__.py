"""Deep linear nets under weight decay, whose transitions are known in closed form (Ziyin and Ueda 2022)."""

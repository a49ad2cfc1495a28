"""From tables to tables: derivative, transition, scaling, published values. No PyTorch, no files."""

"""From tables to tables: derivative, transition, scaling, published values. Imports no other room."""

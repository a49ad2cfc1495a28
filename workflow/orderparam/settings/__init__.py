"""What a user may say, and what it resolves to. Imports no other room."""

"""What a user may say in config/, how it is checked, and what it resolves to. Imports no other room."""

"""What a user may say, and what it resolves to. Imports the modules at the top of the package only."""

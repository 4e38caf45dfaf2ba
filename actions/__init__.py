"""What a person or a program can do, with their right to do it checked and written down."""

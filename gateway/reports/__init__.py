"""What validation found, written down: facts for programs, reports for archives and for people."""

"""What people read, in Romanian, Russian and English."""

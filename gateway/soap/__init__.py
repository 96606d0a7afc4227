"""Front door for information systems; Spyne lives here and nowhere else."""

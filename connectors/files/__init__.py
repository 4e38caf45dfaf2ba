"""Reading of files people export from platforms and applicant systems: rows, columns, numbers, dates."""

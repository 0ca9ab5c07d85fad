"""Write a simulated cohort in the forms in which records exist, one module a form."""

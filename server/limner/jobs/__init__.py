"""What is to be done in the background: one durable table, from which whoever does the work claims it."""

"""Looking after what is stored: is it whole, mend it, copy it while the server runs, put a copy back."""

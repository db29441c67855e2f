"""The process that trains, started while a project learns. Torch is never imported here."""

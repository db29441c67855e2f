"""One module per resource. A handler reads, validates, stores and responds; the rules live in the domain."""

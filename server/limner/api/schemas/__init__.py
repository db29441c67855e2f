"""What travels over HTTP, as pydantic models; the OpenAPI description and the client's types come from these."""

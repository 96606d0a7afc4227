"""Front door for programs without SOAP: signatures verified over HTTP and JSON, described by OpenAPI."""

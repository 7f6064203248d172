"""Our kinds as pydantic models, and the CRDs generated from them."""

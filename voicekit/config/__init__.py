"""From a file to a checked, typed value with places. Pure: the standard library, PyYAML, pydantic and python-dotenv."""

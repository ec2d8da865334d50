"""Files of requests in many formats, read."""

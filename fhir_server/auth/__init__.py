"""The SMART authorization server; today it checks access tokens, the endpoints are a later chapter."""

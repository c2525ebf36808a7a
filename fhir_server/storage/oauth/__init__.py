"""What the authorization server keeps: clients, requests, codes, grants, tokens, launches, keys."""

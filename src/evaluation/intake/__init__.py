"""Turn a raw export into a validated wave; with `synthetic`, the only rooms that read respondents from disk."""

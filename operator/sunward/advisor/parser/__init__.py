"""A request as a draft: words, tokens, names, wishes. Standard library and the problem's values only."""

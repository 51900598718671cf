"""Words to tokens, one kind of token a module."""

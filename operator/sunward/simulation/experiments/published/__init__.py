"""The paper's own table and figures."""

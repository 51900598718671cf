"""What forbids a node to sleep: rules, budgets and pods, and the table of when each is asked."""

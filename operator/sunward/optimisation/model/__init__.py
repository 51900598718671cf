"""The linear model with integers: columns, rows, and the way from and to plans."""

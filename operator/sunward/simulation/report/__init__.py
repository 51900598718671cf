"""How results are shown: files for programs, figures for print, one page for a reader.

Knows how to draw and write; knows nothing of what the numbers mean.
"""

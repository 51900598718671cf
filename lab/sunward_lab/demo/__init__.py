"""The demo: a cluster, the chart, a training job, a live view of what happens, and a verdict with evidence.

It uses the product as a newcomer would, through Helm and custom resources, and knows nothing of its code.
"""

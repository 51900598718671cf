"""The mocked world around the lab's real nodes: sensors, sun, relays and the emissions feed.

Everything the product sees here comes through the interface that it would use in the field: a sysfs tree,
a relay's HTTP RPC, an emissions API. Only the lab knows that hours are short.
"""

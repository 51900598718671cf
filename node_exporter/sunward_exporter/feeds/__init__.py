"""Feeds: small exporters for meters that speak NUT, MQTT or Modbus, each a process of its own.

They run anywhere in the cluster, for one or many meters; the chart's `sensors` maps what they show to nodes.
"""

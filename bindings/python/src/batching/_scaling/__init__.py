"""Autoscalers: how many replicas there should be."""

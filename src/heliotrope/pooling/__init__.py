"""Shareable results of several sites combined, without a row of a child.

``pool_sites`` reads the folders that ``heliotrope share`` wrote and writes pooled results, a
manifest of the sites and a page.
"""

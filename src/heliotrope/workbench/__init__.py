"""The workbench: a study opened, checked, mapped, run and read in a browser on this machine.

Server-rendered pages that need no script; state in plain files of one folder; loopback only.
"""

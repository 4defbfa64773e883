"""The Amazon States Language: moto's interpreter, on the clock and the agenda of the local cloud.

moto parses a definition and evaluates its states. What it leaves out or gets wrong, these modules add or change;
`millrace.local.moto_machines` lists every change.
"""

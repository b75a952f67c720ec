#!/usr/bin/env python3
"""Greets everyone by name, one line each."""
import os
import sys

print("Who is there?", flush=True)  # a pipe is no terminal: without flush it would be kept until there is more
for line in sys.stdin:
    name = line.strip()
    if name == "bye":
        sys.exit(0)
    print(f"Hello, {name} from {os.environ.get('REMOTE_ADDR', 'here')}!", flush=True)

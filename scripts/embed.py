#!/usr/bin/env python3
"""embed.py FILE... NAME OUT - writes a C file that holds the bytes of all FILEs as NAME and NAME_len."""
import sys

*paths, name, out = sys.argv[1:]
data = b""
for path in paths:
    with open(path, "rb") as f:
        data += f.read()
with open(out, "w", encoding="ascii") as f:
    f.write("#include <stddef.h>\n\n")
    f.write(f"extern const char {name}[];\nextern const size_t {name}_len;\n\n")
    f.write(f"const char {name}[] = {{\n")
    for at in range(0, len(data), 16):
        f.write("\t" + "".join(f"{c if c < 128 else c - 256}, " for c in data[at:at + 16]).rstrip() + "\n")
    f.write(f"\t0,\n}};\nconst size_t {name}_len = {len(data)};\n")

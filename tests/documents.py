"""Tables that are printed, and that stand in a document between marks: "<!-- make COMMAND: NAME -->"."""

MARK = "<!-- make %s: %s -->"


def table(titles, rows):
    """Lines of a Markdown table, also good to read as text: the first column to the left, the others to the right."""
    cells = [titles] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[n]) for row in cells) for n in range(len(titles))]
    lines = ["| " + " | ".join(cell.rjust(width) if n else cell.ljust(width) for n, (cell, width) in enumerate(zip(row, widths)))
             + " |" for row in cells]
    rule = "|" + "|".join(("-" * (width + 1) + ":") if n else ("-" * (width + 2)) for n, width in enumerate(widths)) + "|"
    return [lines[0], rule] + lines[1:]


def write_into(path, command, name, lines):
    """Replaces what stands between the document's marks of that command and name."""
    text = path.read_text(encoding="utf-8")
    begin, end = MARK % (command, name), MARK % (command, "end of " + name)
    before, _, rest = text.partition(begin + "\n")
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError("%s: no place for %s: '%s' to '%s'" % (path, name, begin, end))
    path.write_text(before + begin + "\n" + "\n".join(lines) + "\n" + end + after, encoding="utf-8")


def present(sections, command, path):
    """Prints each (name, lines) as it comes; with a path they go into that document as well."""
    for name, lines in sections:
        print("\n%s\n" % name)
        print("\n".join(lines), flush=True)
        if path:
            write_into(path, command, name, lines)


def conclude(misses):
    """Says which goals were missed, and returns the exit status for that."""
    print()
    for miss in misses:
        print("MISSED: %s" % miss)
    if not misses:
        print("Every goal is reached.")
    return 1 if misses else 0

"""Rows of results.csv held to the schema of its columns."""


def faults(rows, fields):
    """Return each cell that the schema does not permit."""
    found = []
    for row in rows:
        for name, field in fields.items():
            text, rule = row[name], field.get("constraints", {})
            if text == "":
                found += [(row["id"], name, "blank")] if rule.get("required") else []
                continue
            if field["type"] == "number":
                number = float(text)
                if number < rule.get("minimum", number) or number > rule.get("maximum", number):
                    found.append((row["id"], name, text))
            elif text not in rule.get("enum", [text]):
                found.append((row["id"], name, text))
    return found

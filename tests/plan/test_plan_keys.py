"""Every key of `study.toml` chooses something: another value is refused by name, or moves the digest and is read.

That a key is read is found in the source without running it: names that hold a part of the plan are followed through
each function (`plan.sizes`, `design: Design`, `for name, d in plan.designs.items()`), and each field taken from them is
written down. A key that no module outside `evaluation/plan` reads fails here.
"""

import ast
import copy
import functools
import json
import re
import tomllib
import types
import typing
from pathlib import Path

import pytest
import tomli_w

from evaluation.errors import StudyError
from evaluation.plan import registration, schema, study

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "evaluation"
SHIPPED = tomllib.loads((ROOT / "study.toml").read_text("utf-8"))
# Why a choice was made. A reason chooses nothing: it stands in the frozen plan, and a change of it is a deviation.
REASONS = {
    "outcomes.primary_reason",
    "outcomes.secondary_reason",
    "outcomes.negative_controls_reason",
    *(f"covariates.{name}" for name in SHIPPED["covariates"]),
    *(f"derive.{name}.reason" for name in SHIPPED["derive"]),
    *(f"scales.{name}.reason" for name in SHIPPED["scales"]),
    *(f"lots.{name}.reason" for name in SHIPPED["lots"]),
}


# ---- the keys of the shipped plan, each with another value of its type -----------------------------------------------


def leaves(tree, place=()):
    """Yield the place of each leaf: a value, or a list that holds no tables."""
    branches = tree.items() if isinstance(tree, dict) else enumerate(tree) if is_tables(tree) else ()
    found = [leaf for key, value in branches for leaf in leaves(value, (*place, key))]
    yield from found or [place]


def is_tables(value):
    return isinstance(value, list) and any(isinstance(v, dict) for v in value)


def at(tree, place):
    return functools.reduce(lambda inner, key: inner[key], place, tree)


def dotted(place):
    return ".".join(map(str, place))


def another(value, annotation):
    """Return another permitted value: a choice of the list, a number moved, a list with one entry less or more."""
    choices = [c for kind in parts_of(annotation) if typing.get_origin(kind) is typing.Literal for c in kind.__args__]
    if choices:
        return next(c for c in choices if c != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value * 2 or type(value)(1)
    if isinstance(value, list):
        return value[:-1] if len(value) > 1 else [*value, *(value or ["another"])]
    return f"{value} otherwise"


def parts_of(annotation):
    """Return the members of a union without None, or the annotation alone."""
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return [a for a in typing.get_args(annotation) if a is not type(None)] if union else [annotation]


def field_of(place):
    """Return (model, field, annotation) that hold a leaf of the file."""
    model, held, kind = None, "", study.Plan
    for key in place:
        if is_model(kind):
            model, held = kind, next(n for n, f in kind.model_fields.items() if key in (n, f.alias))
            kind = kind.model_fields[held].annotation
        else:
            kind = element(kind)
        kind = parts_of(kind)[0]
    return model, held, kind


def is_model(kind):
    return isinstance(kind, type) and issubclass(kind, schema.Part)


def element(kind):
    """Return what a dict or a tuple holds, None where it is no container."""
    arguments = [a for a in typing.get_args(kind) if a is not Ellipsis]
    return arguments[-1] if arguments and typing.get_origin(kind) in (dict, tuple, list) else None


# ---- which fields of the plan the source reads -----------------------------------------------------------------------

CARRIED = {"plan": study.Plan, "words": schema.Words, "contact": schema.Contact}  # attributes of contexts and requests
MODELS = {name: kind for name, kind in vars(study).items() if is_model(kind)} | {
    name: kind for name, kind in vars(schema).items() if is_model(kind)
}
NAMED = re.compile(
    r"(?P<many>\w+\[)?(?P<module>\w*study\.)?(?P<model>" + "|".join(MODELS) + r")(?:\]|, \.\.\.\])?(?: \| None)?"
)


class Reader(ast.NodeVisitor):
    """Write down each (model, field) that a module takes from a name or a call known to hold a part of the plan."""

    def __init__(self, names, returned, imported=()):
        self.names, self.returned, self.imported, self.read = dict(names), returned, imported, set()

    def kind(self, node):  # noqa: C901 - one case per form of expression
        """Return the type of an expression where it is a part of the plan, else None; write down what it reads."""
        match node:
            case ast.Name(id=name):
                return self.names.get(name)
            case ast.Attribute(value=value, attr=name):
                held = self.kind(value)
                if is_model(held):
                    return self.take(held, name)
                if held is not None and name in ("items", "values", "get"):
                    return (name, element(held))
                return CARRIED.get(name)
            case ast.Subscript(value=value):
                return self.inner(self.kind(value))
            case ast.Call(func=ast.Attribute() as function):
                held = self.kind(function)
                if isinstance(held, tuple):
                    return types.GenericAlias(tuple, (held[1], ...)) if held[0] != "get" else held[1]
                return held or self.returned.get(function.attr)
            case ast.Call(func=ast.Name(id=name)):
                return self.returned.get(name)
            case ast.IfExp(body=body, orelse=other):
                return self.kind(body) or self.kind(other)
            case ast.BoolOp(values=values):
                return next((k for v in values if (k := self.kind(v))), None)
            case _:
                return None

    def take(self, model, name):
        if name in model.model_fields:
            self.read.add((model, name))
            return parts_of(model.model_fields[name].annotation)[0]
        member = getattr(model, name, None)
        if isinstance(member, property | types.FunctionType):
            self.read.add((model, name))
            return typing.get_type_hints(member.fget if isinstance(member, property) else member).get("return")
        return None

    @staticmethod
    def inner(kind):
        return parts_of(element(kind))[0] if element(kind) is not None else None

    def bind(self, target, kind, value=None):
        """Bind the names of a target; the second of a pair from `items()` or `enumerate()` holds the entry."""
        match target, value:
            case ast.Name(id=name), _:
                self.names[name] = kind
            case ast.Tuple(elts=targets), ast.Tuple(elts=values):
                for one, source in zip(targets, values, strict=False):
                    self.bind(one, self.kind(source))
            case ast.Tuple(elts=[*_, last]), _:
                self.bind(last, kind)

    def visit_Assign(self, node):
        self.generic_visit(node)
        for target in node.targets:
            self.bind(target, self.kind(node.value), node.value)

    def visit_NamedExpr(self, node):
        self.generic_visit(node)
        self.bind(node.target, self.kind(node.value))

    def visit_For(self, node):
        self.bind(node.target, self.entries(node.iter))
        self.generic_visit(node)

    def visit_comprehension(self, node):
        self.bind(node.target, self.entries(node.iter))
        self.generic_visit(node)

    def entries(self, node):
        """Return what an iteration yields: the entries of a container, also through enumerate, sorted or reversed."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            return self.entries(node.args[0])
        if isinstance(node, ast.BinOp):
            return self.entries(node.left)
        return self.inner(self.kind(node))

    def generators_first(self, node):
        for part in node.generators:
            self.visit(part)
        self.generic_visit(node)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = generators_first

    def visit_FunctionDef(self, node):
        kept = dict(self.names)
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        for one in arguments:
            self.names[one.arg] = self.named(one.annotation) or (study.Plan if one.arg == "plan" else None)
        self.generic_visit(node)
        self.names = kept

    def visit_AnnAssign(self, node):
        self.generic_visit(node)
        self.bind(node.target, self.named(node.annotation), node.value)

    def visit_Attribute(self, node):
        self.kind(node)
        self.generic_visit(node)

    def named(self, annotation):
        return named(annotation, self.imported)


def named(annotation, imported):
    """Return the model that an annotation names, alone or as the entries of a sequence, else None."""
    found = NAMED.fullmatch(ast.unparse(annotation).strip("'\"")) if annotation is not None else None
    if found is None or not (found["module"] or found["model"] in imported):
        return None
    model = MODELS[found["model"]]
    return types.GenericAlias(tuple, (model, ...)) if found["many"] else model


def trees():
    """Yield the source outside `evaluation/plan` that knows the plan, with the code of the notebooks."""
    for path in sorted(SRC.rglob("*.py")):
        if SRC / "plan" not in path.parents and re.search(r"\bplan[.:]|\bctx\.", text := path.read_text("utf-8")):
            yield ast.parse(text)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        yield ast.parse("\n".join(line for line in code.splitlines() if not line.startswith("%")))


@functools.cache
def fields_read():
    """Return every (model, field) that the package reads outside `evaluation/plan`, through the plan's methods too."""
    modules = [(tree, imports(tree)) for tree in trees()]
    returned = {"load": study.Plan} | {  # `study.load`, which notebooks call
        node.name: made
        for tree, imported in modules
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and (made := named(node.returns, imported))
    }
    found = set()
    for tree, imported in modules:
        reader = Reader({"plan": study.Plan}, returned, imported)
        reader.visit(tree)
        found |= reader.read
    inside = inner_reads()
    while more := {read for member in found for read in inside.get(member, ())} - found:
        found |= more
    return found | printed_words()


def imports(tree):
    """Return the names that a module imports from the plan: another package's `Design` is not the plan's."""
    plain = [
        n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("evaluation.plan")
    ]
    return {one.name for node in plain for one in node.names}


def inner_reads():
    """Return what each method of the plan's own classes reads, by (model, method)."""
    out = {}
    for file in ("study.py", "schema.py"):
        for node in ast.parse((SRC / "plan" / file).read_text("utf-8")).body:
            for method in getattr(node, "body", ()) if isinstance(node, ast.ClassDef) and node.name in MODELS else ():
                if isinstance(method, ast.FunctionDef):
                    reader = Reader({"self": MODELS[node.name]}, {})
                    for statement in method.body:
                        reader.visit(statement)
                    out[MODELS[node.name], method.name] = reader.read
    return out


def printed_words():
    """Return the words that a page's template or a notebook's text takes by name."""
    pages = "".join(p.read_text("utf-8") for p in (SRC / "report" / "templates").glob("*.j2"))
    texts = "".join(p.read_text("utf-8") for p in (ROOT / "notebooks").glob("*.ipynb"))
    taken = {*re.findall(r"ctx\.words\.(\w+)", pages), *re.findall(r"\{\{ (\w+) \}\}", texts)}
    return {(schema.Words, name) for name in taken}


# ---- the tests -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped():
    return study.load(ROOT / "study.toml")


@pytest.fixture
def load(shipped, tmp_path, monkeypatch):
    """Return a function that loads the shipped plan with one leaf changed; the codebook is read once."""
    monkeypatch.setattr(study.codebooks, "load", lambda _: shipped.codebook)

    def changed(place, value):
        content = copy.deepcopy(SHIPPED)
        at(content, place[:-1])[place[-1]] = value
        (tmp_path / "study.toml").write_text(tomli_w.dumps(content), "utf-8")
        return study.load(tmp_path / "study.toml")

    return changed


@pytest.mark.parametrize("place", list(leaves(SHIPPED)), ids=dotted)
def test_another_value_is_refused_by_name_or_is_another_plan(place, load, shipped):
    value = another(at(SHIPPED, place), field_of(place)[2])
    refusal = ""
    try:
        assert load(place, value).digest() != shipped.digest()
    except StudyError as error:
        refusal = str(error)
    words = [key for key in place[1:] if isinstance(key, str)] + (value if isinstance(value, list) else [value])
    assert not refusal or any(str(word) in refusal for word in words)


@pytest.mark.parametrize("place", [p for p in leaves(SHIPPED) if dotted(p) not in REASONS], ids=dotted)
def test_each_key_is_read_outside_the_plan(place):
    model, name, _ = field_of(place)
    assert (model, name) in fields_read(), f"nothing reads {dotted(place)}: it chooses nothing"


@pytest.mark.parametrize("place", [p for p in leaves(SHIPPED) if dotted(p) in REASONS], ids=dotted)
def test_another_reason_is_a_deviation_that_the_report_lists(place, load, shipped, tmp_path):
    registration.freeze(shipped.model_copy(update={"root": tmp_path}), "W2025", date="2026-07-04")
    changed = load(place, "another reason").model_copy(update={"root": tmp_path})
    (found,) = registration.deviations(changed, "W2025")
    assert found.field == dotted(place)
    assert found.now == '"another reason"'


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("plan.sizes.least_people", {"sizes", "least_people"}),
        ("[d.title for d in plan.designs.values()]", {"designs", "title"}),
        ("bars = plan.sizes; bars.least_linked", {"sizes", "least_linked"}),
        ("row.title, other.sizes.least_people", set()),
    ],
)
def test_a_field_is_found_only_where_it_is_taken_from_the_plan(line, read):
    reader = Reader({"plan": study.Plan}, {})
    reader.visit(ast.parse(line))
    assert {name for _, name in reader.read} == read

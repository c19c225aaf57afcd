"""Operators: every small change that `make mutants` knows how to make to a file.

A mutant is a change of text at the place of one node of the syntax tree, so that its diff is what a person would have
typed. Left alone: docstrings, annotations, decorators, imports, lines of the log, sentences (translators see those) and
f-strings (Python 3.11 does not say where their parts are).
"""

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

COMPARISONS = {
    "<=": "<", "<": "<=", ">=": ">", ">": ">=", "==": "!=", "!=": "==",
    "not in": "in", "in": "not in", "is not": "is", "is": "is not",
}  # fmt: skip
COMPARISON = re.compile(r"<=|>=|==|!=|<|>|\bnot\s+in\b|\bin\b|\bis\s+not\b|\bis\b")
ARITHMETIC = {"+": "-", "-": "+", "*": "/", "//": "*", "/": "*", "%": "*", "<<": ">>", ">>": "<<", "|": "&", "&": "|"}
SWAPPED_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
SENTENCES = frozenset({"_", "gettext", "ngettext", "say"})  # their arguments are sentences
NAMES_OF_LOGS = frozenset({"log", "failpoint"})

Node = ast.expr | ast.stmt | ast.keyword
Function = ast.FunctionDef | ast.AsyncFunctionDef
Found = tuple[str, int, int, str]  # operator, first byte, byte after the last, new text


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of one file: the bytes from `start` to `end`, which are `old`, become `new`.

    `function` is the qualified name of the function or class around it, "" for none. `lines` are the first and last
    line that run it; None if it runs when the module is imported. `number` tells it from its like in the function.
    """

    path: str
    function: str
    operator: str
    start: int
    end: int
    old: str
    new: str
    line: int
    lines: tuple[int, int] | None = None
    number: int = 0

    @property
    def id(self) -> str:
        """Eight hexadecimal digits that stay the same while the function does."""
        text = "\0".join((self.path, self.function, self.operator, self.old, self.new, str(self.number)))
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def applied(self, source: bytes) -> bytes:
        """Return the file with the change made."""
        return source[: self.start] + self.new.encode() + source[self.end :]


def mutants(path: str, source: bytes) -> list[Mutant]:
    """Return all mutants of a file, in its order; each can be compiled."""
    finder = _Finder(path, source)
    finder.body(ast.parse(source).body, "", None)
    return finder.made


@dataclass
class _Finder:
    """Walks through a file's tree and collects its mutants."""

    path: str
    source: bytes
    made: list[Mutant] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._starts = [0]
        for line in self.source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._like: Counter[tuple[str, str, str, str]] = Counter()

    def body(self, statements: list[ast.stmt], function: str, lines: tuple[int, int] | None) -> None:
        for statement in statements:
            match statement:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self._function(statement, function)
                case ast.ClassDef():
                    self.body(statement.body, f"{function}.{statement.name}".lstrip("."), None)
                case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.Expr(value=ast.Constant()):
                    pass
                case _:
                    self._statement(statement, function, None if lines is None else _header(statement))

    def _function(self, node: Function, around: str) -> None:
        inside = (node.body[0].lineno, node.end_lineno or node.lineno)
        name = f"{around}.{node.name}".lstrip(".")
        for default in [*node.args.defaults, *node.args.kw_defaults]:
            if default is not None:
                self._expressions(default, name, inside)
        self.body(node.body, name, inside)

    def _statement(self, node: ast.stmt, function: str, lines: tuple[int, int] | None) -> None:
        if _is_logged(node) or _is_slots(node) or (lines is None and _is_alias(node)):
            return
        for found in self._of_statement(node):
            self._add(found, function, lines)
        for name, value in ast.iter_fields(node):
            if name in {"annotation", "targets", "target"} and not isinstance(node, ast.Delete):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.expr):
                    self._expressions(child, function, lines)
                elif isinstance(child, ast.stmt):
                    self.body([child], function, lines)
                elif isinstance(child, ast.ExceptHandler):
                    self.body(child.body, function, lines)
                elif isinstance(child, ast.match_case):
                    if child.guard:
                        guarded = (child.guard.lineno, child.guard.end_lineno or child.guard.lineno)
                        self._expressions(child.guard, function, guarded)
                    self.body(child.body, function, lines)
                elif isinstance(child, ast.withitem):
                    self._expressions(child.context_expr, function, lines)

    def _of_statement(self, node: ast.stmt) -> Iterator[Found]:
        start, end = self._span(node)
        match node:
            case ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign() | ast.Raise() | ast.Delete():
                yield "statement", start, end, "pass"
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
                yield "statement", start, end, "pass"
            case ast.Return(value=value) if value and not _is_nothing(value):
                yield "return", start, end, "return None"
            case ast.Break():
                yield "loop", start, end, "continue"
            case ast.Continue():
                yield "loop", start, end, "break"
            case ast.If(test=test):
                yield ("condition", *self._span(test), "True")
                yield ("condition", *self._span(test), "False")
            case ast.While(test=test) if not isinstance(test, ast.Constant):
                yield ("condition", *self._span(test), "False")

    def _expressions(self, node: ast.expr, function: str, lines: tuple[int, int] | None) -> None:
        if isinstance(node, ast.JoinedStr):
            return
        for found in self._of_expression(node):
            self._add(found, function, lines)
        sentence = isinstance(node, ast.Call) and _name(node.func) in SENTENCES
        for child in ast.iter_child_nodes(node):
            if sentence and isinstance(child, ast.Constant):
                continue
            if isinstance(child, ast.expr):
                self._expressions(child, function, lines)
            elif isinstance(child, ast.keyword):
                self._expressions(child.value, function, lines)
            elif isinstance(child, ast.comprehension):
                self._expressions(child.iter, function, lines)
                for test in child.ifs:
                    self._add(("condition", *self._span(test), "True"), function, lines)
                    self._expressions(test, function, lines)

    def _of_expression(self, node: ast.expr) -> Iterator[Found]:
        match node:
            case ast.Compare(left=left, comparators=comparators):
                for before, after in pairwise([left, *comparators]):
                    yield from self._between(before, after, "comparison", COMPARISON, COMPARISONS)
            case ast.BoolOp(values=values):
                for before, after in pairwise(values):
                    yield from self._between(
                        before, after, "boolean", re.compile(r"\band\b|\bor\b"), {"and": "or", "or": "and"}
                    )
            case ast.BinOp(left=left, right=right):
                signs = re.compile("|".join(re.escape(sign) for sign in sorted(ARITHMETIC, key=len, reverse=True)))
                yield from self._between(left, right, "arithmetic", signs, ARITHMETIC)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield ("negation", *self._span(node), self._text(operand))
            case ast.IfExp(test=test):
                yield ("condition", *self._span(test), "True")
                yield ("condition", *self._span(test), "False")
            case ast.Constant():
                yield from self._of_constant(node)
            case ast.Call():
                yield from self._of_call(node)
            case ast.Tuple(ctx=ast.Load(), elts=elements) if len(elements) > 1:
                dropped = elements if len(elements) > 2 else elements[1:]
                for element in dropped:
                    yield self._without(element, "element")
            case ast.List(ctx=ast.Load(), elts=elements) | ast.Set(elts=elements) if len(elements) > 1:
                for element in elements:
                    yield self._without(element, "element")

    def _of_constant(self, node: ast.Constant) -> Iterator[Found]:
        span = self._span(node)
        match node.value:
            case bool():
                yield ("truth", *span, str(not node.value))
            case int() | float():
                yield ("number", *span, repr(node.value + 1 if node.value <= 3 else node.value * 2))
            case str() if node.value:
                yield ("text", *span, '""')
            case bytes() if node.value:
                yield ("text", *span, 'b""')

    def _of_call(self, node: ast.Call) -> Iterator[Found]:
        name = _name(node.func)
        if isinstance(node.func, ast.Name) and name in SWAPPED_CALLS:
            yield ("call", *self._span(node.func), SWAPPED_CALLS[name])
        for keyword in node.keywords:
            if keyword.arg is not None:
                yield self._without(keyword, "argument")
        if name in {"and_", "or_"} and len(node.args) > 1:
            for argument in node.args:
                yield self._without(argument, "operand")

    def _between(
        self, before: ast.expr, after: ast.expr, operator: str, pattern: re.Pattern[str], changes: dict[str, str]
    ) -> Iterator[Found]:
        start, end = self._span(before)[1], self._span(after)[0]
        found = pattern.search(text := self.source[start:end].decode())
        if found and "#" not in text and (new := changes.get(re.sub(r"\s+", " ", found[0]))):
            at = start + len(text[: found.start()].encode())
            yield operator, at, at + len(found[0].encode()), new

    def _without(self, node: ast.expr | ast.keyword, operator: str) -> Found:
        """Leave out an element or argument, and the comma after it."""
        start, end = self._span(node)
        comma = re.compile(rb"\s*,\s?").match(self.source, end)
        return operator, start, comma.end() if comma else end, ""

    def _span(self, node: Node) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.expr) -> str:
        start, end = self._span(node)
        return self.source[start:end].decode()

    def _add(self, found: Found, function: str, lines: tuple[int, int] | None) -> None:
        operator, start, end, new = found
        old = self.source[start:end].decode()
        like = (function, operator, old, new)
        line = self.source.count(b"\n", 0, start) + 1
        made = Mutant(self.path, function, operator, start, end, old, new, line, lines, self._like[like])
        self._like[like] += 1
        if old != new and _compiles(made.applied(self.source)):
            self.made.append(made)


def _header(node: ast.stmt) -> tuple[int, int]:
    """Return the lines of a statement, of a compound one those before its first inner statement."""
    inner = getattr(node, "body", None) or getattr(node, "cases", None)
    if not inner:
        return node.lineno, node.end_lineno or node.lineno
    first = inner[0].pattern.lineno if isinstance(inner[0], ast.match_case) else inner[0].lineno
    return node.lineno, max(node.lineno, first - 1)


def _is_logged(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)) | ast.Name(id=name))):
            return name in NAMES_OF_LOGS
    return False


def _is_slots(node: ast.stmt) -> bool:
    match node:
        case ast.Assign(targets=[ast.Name(id="__slots__" | "__all__")]):
            return True
    return False


def _is_alias(node: ast.stmt) -> bool:
    """Whether a statement names a type: `Act = Callable[[Request], None]`."""
    match node:
        case ast.Assign(value=ast.Subscript() | ast.BinOp(op=ast.BitOr())):
            return True
    return False


def _is_nothing(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and not node.value


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _compiles(source: bytes) -> bool:
    try:
        compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True

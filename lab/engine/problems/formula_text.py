"""From a formula as typed to terms on a tape, by Python's grammar and a list of what is allowed.

The text is never executed. It is first read word by word, which finds unknown names and signs at
their column; then Python's `ast` gives the structure, of which only arithmetic, comparisons,
conditions and calls of the functions below are taken over.
"""

import ast
import math
import re
from dataclasses import dataclass

from lab.engine.knobs import did_you_mean
from lab.engine.problems.formula_terms import Tape, Term, choose, power

MAX_LENGTH = 1000  # characters
MAX_DEPTH = 100  # levels of nesting; a sum of n terms has n

VARIABLES = ("x", "y")
CONSTANTS = {"pi": math.pi, "e": math.e}
FUNCTIONS = {  # name -> how many arguments; the names are those of the tape's primitives
    **dict.fromkeys(("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"), 1),
    **dict.fromkeys(("exp", "log", "log2", "log10", "sqrt", "sigmoid", "erf"), 1),
    **dict.fromkeys(("abs", "sign", "floor", "ceil", "relu"), 1),
    **dict.fromkeys(("atan2", "hypot"), 2),
    **dict.fromkeys(("min", "max"), None),  # two or more
    "where": 3,
}
_KEYWORDS = ("if", "else", "and", "or", "not")
_NAMES = (*VARIABLES, *CONSTANTS, *FUNCTIONS)
_ALLOWED = (
    "allowed are numbers, x, y, pi, e, + - * / ** %, brackets, comparisons, "
    "'a if x > 0 else b' and the functions "
    f"{', '.join(FUNCTIONS)}"
)
_INSTEAD = {
    "^": "a power is written **",
    "=": "equality is written ==",
    "//": "write floor(a / b)",
    "&": "write 'and'",
    "|": "write 'or'; a size is written abs(x)",
    "!": "write 'not'",
}
_BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Mod: "mod"}
_COMPARISONS = {
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Eq: "eq",
    ast.NotEq: "ne",
}
_WORD = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>\*\*|<=|>=|==|!=|//|[-+*/%(),<>])",
    re.ASCII,
)


def read_formula(text: str) -> Term:
    """Turn a formula into a term on a tape of its own.

    Args:
        text: the formula, in x and y.

    Returns:
        Its value.

    Raises:
        ValueError: text that is no formula; one sentence with the column, counted from 1.
    """
    if not text.strip():
        raise ValueError("the formula is empty: type one in x and y, such as x**2 + y**2")
    if len(text) > MAX_LENGTH:
        raise ValueError(f"the formula has {len(text)} characters: at most {MAX_LENGTH} are read")
    _check_words(text)
    plain = re.sub(r"\s", " ", text)
    indent = len(plain) - len(plain.lstrip())
    try:
        tree = ast.parse(plain.strip(), mode="eval")
    except SyntaxError as error:
        raise _syntax_error(plain.rstrip(), indent, error) from None
    except (RecursionError, MemoryError):
        raise _too_deep() from None
    return _Reader(plain, indent, Tape()).number(tree.body, 1)


def looks_like_formula(text: str) -> bool:
    """Tell whether a text that is no catalogue name was meant as a formula.

    `x`, `x - y`, `sin(z)` and `2*q` are; `rosenbrok`, `my-model`, `folder/x.py` and
    `torchvision.models.resnet18` are not.
    """
    if re.search(r"\.[A-Za-z]\w*$", text.strip()) or "\\" in text or ":" in text:
        return False
    if re.search(r"[*+()%^<>=]", text):
        return True
    names = re.findall(r"[A-Za-z_]\w*", text)
    return bool(re.search(r"[-/]", text) or text.strip() in VARIABLES) and any(
        name in _NAMES for name in names
    )


def _check_words(text: str) -> None:
    """Refuse unknown names, unknown signs, forgotten multiplication signs and unmatched brackets.

    Raises:
        ValueError: one of these, with its column.
    """
    at, brackets, before = 0, [], None
    while at < len(text):
        word = _WORD.match(text, at)
        if word is None or word.group() in _INSTEAD:
            sign = text[at] if word is None else word.group()
            raise _error(at + 1, f"{sign!r} is not allowed; {_INSTEAD.get(sign, _ALLOWED)}")
        piece = word.group()
        if word["name"] and piece not in (*_NAMES, *_KEYWORDS):
            near = did_you_mean(piece, _NAMES)
            raise _error(at + 1, f"{piece!r} is not known{near}; {_ALLOWED}")
        if word["name"] and before and before["number"]:
            number = before.group()
            hint = "a space is missing" if piece in _KEYWORDS else f"write {number}*{piece}"
            raise _error(at + 1, f"{piece!r} follows {number!r} directly: {hint}")
        if piece == "(":
            brackets.append(at + 1)
            if len(brackets) > MAX_DEPTH:
                raise _too_deep()
        elif piece == ")":
            if not brackets:
                raise _error(at + 1, "')' closes a bracket that was never opened")
            brackets.pop()
        at, before = word.end(), word
    if brackets:
        raise _error(brackets[-1], "'(' is never closed")


@dataclass(frozen=True)
class _Reader:
    """Walks a syntax tree and puts what it means on a tape."""

    text: str
    indent: int  # how much shorter the parsed text is, on the left
    tape: Tape

    def number(self, node: ast.expr, depth: int) -> Term:
        """What stands where a number is needed."""
        if depth > MAX_DEPTH:
            raise _too_deep()
        deeper = depth + 1
        match node:
            case ast.Constant(value=int() | float() as value):
                return self._finite(node, self._constant(node, value))
            case ast.Name(id=name):
                return self._name(node, name)
            case ast.UnaryOp(op=ast.UAdd(), operand=inner):
                return self.number(inner, deeper)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return self.tape.apply("neg", self.number(inner, deeper))
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                base, exponent = self.number(left, deeper), self.number(right, deeper)
                return self._finite(node, power(base, exponent))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                sides = self.number(left, deeper), self.number(right, deeper)
                return self._finite(node, self.tape.apply(_BINARY[type(op)], *sides))
            case ast.IfExp(test=test, body=yes, orelse=no):
                return choose(
                    self.condition(test, deeper), self.number(yes, deeper), self.number(no, deeper)
                )
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                one, zero = self.tape.constant(1.0), self.tape.constant(0.0)
                return choose(self.condition(node, deeper), one, zero)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
                return self._call(node, name, arguments, deeper)
            case ast.Call(func=ast.Name(id=name), keywords=[_, *_]) if name in FUNCTIONS:
                raise self._error(node, f"{name} takes its arguments by place, not by name")
            case ast.Call(func=function):
                called = self._quote(function)
                raise self._error(
                    node, f"{called!r} is not a function; a product is written with *"
                )
        raise self._error(node, f"{self._quote(node)!r} is not allowed; {_ALLOWED}")

    def condition(self, node: ast.expr, depth: int) -> Term:
        """What stands where true or false is needed."""
        if depth > MAX_DEPTH:
            raise _too_deep()
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return self.tape.apply("not", self.condition(inner, depth + 1))
            case ast.BoolOp(op=op, values=values):
                word = "and" if isinstance(op, ast.And) else "or"
                return self._chain(word, [self.condition(value, depth + 1) for value in values])
            case ast.Compare(left=left, ops=ops, comparators=others) if all(
                type(op) in _COMPARISONS for op in ops
            ):
                sides = [self.number(side, depth + 1) for side in (left, *others)]
                signs = [_COMPARISONS[type(op)] for op in ops]
                pairs = zip(signs, sides, sides[1:], strict=False)
                return self._chain("and", [self.tape.apply(*pair) for pair in pairs])
        found = self._quote(node)
        raise self._error(node, f"a comparison such as x > 0 is needed here, not {found!r}")

    def _name(self, node: ast.Name, name: str) -> Term:
        if name in VARIABLES:
            return self.tape.variable(VARIABLES.index(name))
        if name in CONSTANTS:
            return self.tape.constant(CONSTANTS[name])
        raise self._error(node, f"{name!r} is a function: write {name}(...)")

    def _constant(self, node: ast.Constant, value: float) -> Term:
        try:
            return self.tape.constant(float(value))
        except OverflowError:
            raise self._error(node, "this number is too large") from None

    def _call(self, node: ast.Call, name: str, arguments: list[ast.expr], depth: int) -> Term:
        wanted = FUNCTIONS[name]
        if len(arguments) != wanted and (wanted or len(arguments) < 2):
            count = "at least 2 arguments" if wanted is None else f"{wanted} arguments"
            count = "1 argument" if wanted == 1 else count
            raise self._error(node, f"{name} takes {count}, not {len(arguments)}")
        if name == "where":
            condition = self.condition(arguments[0], depth)
            return choose(condition, *(self.number(item, depth) for item in arguments[1:]))
        terms = [self.number(item, depth) for item in arguments]
        if len(terms) == 1:
            return self._finite(node, self.tape.apply(name, *terms))
        return self._finite(node, self._chain(name, terms))

    def _chain(self, name: str, terms: list[Term]) -> Term:
        """Terms joined by one operation, from the left."""
        joined = terms[0]
        for term in terms[1:]:
            joined = self.tape.apply(name, joined, term)
        return joined

    def _finite(self, node: ast.expr, term: Term) -> Term:
        """Refuse a part without x and y that has no finite value."""
        if term.is_constant and not math.isfinite(term.number):
            part = self._quote(node)
            shown = part if len(part) <= 40 else part[:37] + "..."
            raise self._error(node, f"{shown} is not a finite number")
        return term

    def _quote(self, node: ast.expr) -> str:
        return self.text[self.indent + node.col_offset : self.indent + node.end_col_offset]

    def _error(self, node: ast.expr, reason: str) -> ValueError:
        return _error(self.indent + node.col_offset + 1, reason)


def _error(column: int, reason: str) -> ValueError:
    return ValueError(f"column {column} of the formula: {reason}")


def _syntax_error(text: str, indent: int, error: SyntaxError) -> ValueError:
    """Say in the lab's words where Python's grammar gave up."""
    start = indent + (error.offset or len(text) + 1)  # at the end of the text there is no offset
    if start > len(text):
        return _error(len(text) + 1, "the formula ends too early")
    if "else" in error.msg:
        return _error(start, "an 'if' needs its 'else', as in a if x > 0 else b")
    piece = text[start - 1 : max(indent + (error.end_offset or 0) - 1, start)]
    return _error(start, f"{piece!r} cannot stand here")


def _too_deep() -> ValueError:
    return ValueError(
        f"the formula is nested too deeply: {MAX_DEPTH} levels are read, and as many terms of a sum"
    )

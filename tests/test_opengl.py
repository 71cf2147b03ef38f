import subprocess
import sys

from lab.opengl import Graphics, probe


def process(code):
    return (sys.executable, "-c", code)


def test_offscreen_has_no_opengl(monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert probe() == Graphics("offscreen", "", "no OpenGL context")


def test_a_crash_becomes_one_line():
    code = "import os, sys; print('no driver', file=sys.stderr, flush=True); os.abort()"
    assert probe(process(code)) == Graphics("", "", "no driver")
    assert probe(process("import os; os.abort()")).trouble == "Qt ended with status -6"


def test_an_answer_is_read_whatever_was_printed_before_it():
    code = 'print(\'noise\'); print(\'["xcb", "4.5 (a card)", ""]\')'
    assert probe(process(code)) == Graphics("xcb", "4.5 (a card)", "")


def test_no_answer(monkeypatch):
    assert probe(("/no/such/program",)).trouble == "Qt did not answer: FileNotFoundError"

    def late(*args, **kwargs):
        raise subprocess.TimeoutExpired("python", 30)

    monkeypatch.setattr(subprocess, "run", late)
    assert probe().trouble == "Qt did not answer: TimeoutExpired"

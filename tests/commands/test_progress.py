import io

from lab.commands.progress import Line


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_line_is_written_over_and_left_clean(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("lab.commands.progress._EVERY", 0.0)
    with Line() as line:
        line.show("a long text")
        line.share(0.5, "csv")
    assert screen.getvalue().split("\r")[-1] == ""
    assert " 50 %  csv" in screen.getvalue()
    line.finish("done")
    assert screen.getvalue().endswith("done\n")


def test_not_more_often_than_can_be_read(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with Line() as line:
        for number in range(1000):
            line.show(f"step {number}")
    assert screen.getvalue().count("step") < 100


def test_nobody_watches_a_pipe(capsys):
    with Line() as line:
        line.show("x")
    assert capsys.readouterr().err == ""
    line.finish("done")
    assert capsys.readouterr().err == "done\n"


def test_quiet(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with Line(quiet=True) as line:
        line.show("x")
    line.finish("done")
    assert screen.getvalue() == ""
    line.complain("a sentence")
    assert screen.getvalue() == "landscape-lab: a sentence\n"

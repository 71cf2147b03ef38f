import pytest
from toys import entries

from lab.engine.analysis.base import Progress
from lab.engine.jobs import Job, Jobs
from lab.engine.probe_plan import ProbePlan


@pytest.fixture
def log():
    return []


@pytest.fixture
def jobs(log):
    return Jobs(
        lambda job, result: log.append(("finished", job.name, result)),
        lambda job, line, details: log.append(("failed", job.name, line)),
    )


def counting(log, name, slices=3, error=None, result="result"):
    """A generator that writes down when it works and when it is closed."""
    try:
        for number in range(slices):
            log.append((name, number))
            yield Progress((number + 1) / (slices + 1), partial=f"{name} {number}")
        if error:
            raise error
        return result
    except GeneratorExit:
        log.append((name, "closed"))
        raise


def job(log, name, *, key=(), lane="", step=0, share=None, **options):
    return Job(name, lane, step, counting(log, name, **options), key=key, share=share)


def test_jobs_are_worked_off_in_order(jobs, log):
    for name in "ab":
        jobs.plan(job(log, name, slices=2))
    assert (len(jobs), jobs.planned, jobs.current.name) == (2, 2, "a")
    jobs.work()
    assert log == [
        ("a", 0),
        ("a", 1),
        ("finished", "a", "result"),
        ("b", 0),
        ("b", 1),
        ("finished", "b", "result"),
    ]
    assert (len(jobs), jobs.planned, jobs.current) == (0, 0, None)


def test_what_was_asked_for_is_told_apart(jobs, log):
    jobs.plan(job(log, "planned"))
    jobs.ask(job(log, "by hand", key=("x",)))
    assert [one.name for one in jobs.asked] == ["by hand"]
    jobs.cancel(("x",))
    assert jobs.asked == []


def test_a_slice_at_a_time(jobs, log):
    one = job(log, "a")
    jobs.plan(one)
    for number in range(3):
        assert jobs.work(0) >= 0
        assert log[-1] == ("a", number)
        assert one.done == (number + 1) / 4
    assert one.seconds > 0
    assert jobs.work(0) >= 0
    assert log[-1] == ("finished", "a", "result")
    assert jobs.work() == pytest.approx(0, abs=0.1)


def test_what_is_asked_for_by_hand_goes_first(jobs, log):
    jobs.plan(job(log, "planned"))
    jobs.work(0)
    jobs.ask(job(log, "asked", key=("panel",)))
    assert (jobs.current.name, jobs.planned, len(jobs)) == ("asked", 1, 2)
    jobs.work()
    assert [name for name, _ in log[:4]] == ["planned", "asked", "asked", "asked"]
    assert log[-1] == ("finished", "planned", "result")


def test_a_newer_job_of_a_key_replaces_the_older_one(jobs, log):
    jobs.ask(job(log, "old", key=("panel",)))
    jobs.ask(job(log, "other", key=("another",)))
    jobs.work(0)
    jobs.ask(job(log, "new", key=("panel",)))
    assert len(jobs) == 2
    jobs.work()
    assert [entry[1] for entry in log if entry[0] == "finished"] == ["new", "other"]
    assert not [entry for entry in log if entry[0] == "old"]  # it had not begun


def test_cancelling_closes_what_had_begun(jobs, log):
    jobs.ask(job(log, "a", key=("panel",)))
    jobs.work(0)
    jobs.cancel(("panel",))
    assert log == [("a", 0), ("a", "closed")]
    assert len(jobs) == 0
    jobs.cancel(("nobody",))


def test_the_jobs_of_a_lane_are_forgotten(jobs, log):
    jobs.plan(job(log, "a", lane="sgd"))
    jobs.plan(job(log, "b", lane="adam"))
    jobs.plan(job(log, "c", lane=""))
    jobs.forget_lane("sgd")
    jobs.work()
    assert [entry[1] for entry in log if entry[0] == "finished"] == ["b", "c"]


def test_partial_results_are_shared(jobs, log):
    shared = []
    jobs.ask(job(log, "a", key=("panel",), share=lambda *said: shared.append(said)))
    jobs.work()
    assert shared == [(("panel",), (i + 1) / 4, f"a {i}") for i in range(3)]


def test_a_share_that_cancels_its_own_job(jobs, log):
    jobs.ask(job(log, "a", key=("panel",), share=lambda key, done, value: jobs.cancel(key)))
    jobs.work()
    assert log == [("a", 0), ("a", "closed")]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("too few points"), "too few points"),
        (ValueError(), "ValueError: "),
        (RuntimeError("two\nlines"), "RuntimeError: two"),
        (MemoryError(), "MemoryError: "),
    ],
)
def test_a_job_that_raises_is_told_of_and_the_others_go_on(jobs, log, error, line):
    jobs.plan(job(log, "a", error=error))
    jobs.plan(job(log, "b"))
    jobs.work()
    assert ("failed", "a", line) in log
    assert log[-1] == ("finished", "b", "result")


def test_what_is_no_progress_is_a_failure_and_the_job_is_closed(jobs, log):
    def wrong():
        try:
            yield "half"
        finally:
            log.append("closed")

    jobs.plan(Job("a", "", 0, wrong()))
    jobs.work()
    assert log == [
        "closed",
        ("failed", "a", "AttributeError: 'str' object has no attribute 'done'"),
    ]


def test_a_result_that_cannot_be_recorded_is_a_failure():
    log = []

    def finished(job, result):
        raise TypeError("no measurement")

    jobs = Jobs(finished, lambda job, line, details: log.append((job.name, line)))
    jobs.plan(job([], "a"))
    jobs.plan(job([], "b"))
    jobs.work()
    assert log == [("a", "TypeError: no measurement"), ("b", "TypeError: no measurement")]


def test_a_job_that_will_not_be_closed_is_told_of(jobs, log):
    def stubborn():
        try:
            yield Progress(0.1)
        finally:
            raise RuntimeError("not now")

    jobs.ask(Job("a", "", 0, stubborn(), key=("panel",)))
    jobs.work(0)
    jobs.cancel(("panel",))
    assert log == [("failed", "a", "RuntimeError: not now")]
    assert len(jobs) == 0


def test_planned_jobs_that_wait_can_be_listed(jobs, log):
    with entries():
        plan = ProbePlan("toy_where", 5)
    jobs.ask(job(log, "asked", key=("panel",)))
    jobs.plan(Job("toy_where", "sgd", 10, counting(log, "p"), plan=plan))
    assert jobs.waiting == [(plan, "sgd", 10)]


def test_a_patient_job_waits_for_all_others_whenever_they_come(jobs, log):
    slow = job(log, "slow", key=("slow",))
    slow.patient = True
    jobs.ask(slow)
    jobs.work(0)
    jobs.plan(job(log, "planned", slices=1))
    jobs.ask(job(log, "asked", key=("asked",), slices=1))
    jobs.work()
    names = [entry[1] for entry in log if entry[0] == "finished"]
    assert names == ["asked", "planned", "slow"]
    assert log[0] == ("slow", 0)  # it had begun, and went on where it was
    assert log[-2] == ("slow", 2)


def test_a_patient_job_is_not_starved(jobs, log):
    slow = job(log, "slow", key=("slow",), slices=5)
    slow.patient = True
    jobs.ask(slow)
    jobs.plan(job(log, "long", slices=100))
    while jobs.current and "slow" not in [entry[1] for entry in log if entry[0] == "finished"]:
        jobs.work(0)
    share = sum(entry[0] == "long" for entry in log) / len(log)
    assert 0.5 < share < 0.9

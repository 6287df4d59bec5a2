import pytest

from tasks.admin.contents import error_line, pretty, shortened


def test_json_is_written_out_for_people() -> None:
    assert pretty({"name": "Zoë", "n": [1]}) == '{\n  "name": "Zoë",\n  "n": [\n    1\n  ]\n}'


@pytest.mark.parametrize(
    ("text", "shown"), [("", ""), ("short", "short"), ("one\ntwo", "one …"), ("a" * 20, "aaaaaaaaa…")]
)
def test_a_column_gets_the_first_line_and_no_more_than_fits(text: str, shown: str) -> None:
    assert shortened(text, 10) == shown


@pytest.mark.parametrize(("parts", "shown"), [(("E", "m"), "E: m"), (("", "m"), "m"), (("E", ""), "E"), (("", ""), "")])
def test_an_error_reads_as_in_python(parts: tuple[str, str], shown: str) -> None:
    assert error_line(*parts) == shown

"""Templates: exact answers, rules, errors that say where; nothing that can run away."""

from datetime import date
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.contamination.fresh.generate import Maker, generate
from calibrant.contamination.fresh.language.expressions import expression
from calibrant.contamination.fresh.language.functions import FUNCTIONS, carries, show
from calibrant.contamination.fresh.language.reading import read_templates, templates_of
from calibrant.contamination.fresh.language.space import space
from calibrant.contamination.fresh.language.values import ExpressionError
from calibrant.contamination.fresh.stream import Secret
from calibrant.errors import InputError

EXAMPLES = Path(__file__).parents[2] / "examples" / "fresh"
SECRET = Secret(b"correct horse battery staple 7421")


def value(text, **names):
    return expression(text)(lambda name: names[name])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0.1 + 0.2", Fraction(3, 10)),
        ("7 // 2 * 2 + 7 % 2", 7),
        ("1 / 3 + 2 / 3", 1),
        ("2 ** -2", Fraction(1, 4)),
        ("a if b else 0", 5),
        ("not b or a == 5 and a in [1, 5]", True),
        ("[3, 1, 2][-1]", 2),
        ("sorted(union([3, 1], [1, 2]))", [1, 2, 3]),
        ("date(2028, 2, 28) + 2", date(2028, 3, 1)),
        ("weekday(date(2000, 1, 1))", "Saturday"),
        ("date(2028, 3, 1) - date(2027, 3, 1)", 366),
        ("convert(1, 'mile', 'km')", Fraction("1.609344")),
        ("round_half_up(-2.5, 0)", -3),
        ("words(999999)", "nine hundred ninety-nine thousand nine hundred ninety-nine"),
        ("plural(1, 'child', 'children') + plural(1200, 'child', 'children')",
         "1 child1,200 children"),
        ("unit(0.5, 'foot')", "0.5 feet"),
        ("ordinal(112) + ordinal(23)", "112th23rd"),
        ("fixed(2.5, 2)", "2.50"),
        ("count('banana', 'a')", 3),
        ("1 == yes", False),
        ("yes == True", True),
    ],
)  # fmt: skip
def test_values_are_exact(text, wanted):
    found = value(text, a=5, b=True)
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("9**9**9", "4096 bits"),
        ("(10**1000) ** (10**1000)", "bits"),
        ("1 ** (10 ** 100)", "bits"),
        ("2**4000 * 2**4000", "bits"),
        ("1e9999", "bits"),
        ("factorial(10**6)", "at most 200"),
        ("comb(4000, 2000) * comb(4000, 2000)", "bits"),
        ("range(1, 10**9)", "1,000 numbers"),
        ("a / (b - b)", "division by zero"),
        ("a % 0", "division by zero"),
        ("a.real", "Attribute"),
        ("(1).__class__", "Attribute"),
        ("__import__('os')", "no function"),
        ("[x for x in [1]]", "ListComp"),
        ("lambda: 1", "Lambda"),
        ("(a := 3)", "NamedExpr"),
        ("f'{a}'", "JoinedStr"),
        ("abs", None),
        ("abs(1, 2)", "wanted 1 arguments"),
        ("abs(*[1])", "plain arguments"),
        ("digist(3)", "did you mean 'digits'"),
        ("'ab' * 3", "wanted a number"),
        ("1 < 'a'", "wanted a number"),
        ("a and b", "wanted yes or no"),
        ("[1][5]", "no place 5"),
        ("date(2027, 2, 29)", "no date"),
        ("date(9999, 12, 31) + 1", "no date"),
        ("convert(1, 'km', 'kg')", "unit of length"),
        ("sorted([1, 'a'])", "one kind"),
        ("words(-1)", "at least 0"),
        ("fixed(1/3, 2)", "not exact"),
        ("isprime(10**12)", "at most"),
        ("1j", "not in the grammar"),
        ("b'a'", "not in the grammar"),
        ("", "wanted an expression"),
        ("(" * 300 + "1" + ")" * 300, None),
        ("+".join(["1"] * 400), "levels"),
        ("a b", "not an expression"),
        ("1" * 2000, "at most 1000 characters"),
        ("9" * 900 + "** 4", "bits"),
    ],
)
def test_what_is_not_in_the_grammar_is_refused_in_one_line(text, said):
    with pytest.raises(InputError) as caught:
        if text == "abs":  # a name, but of no variable: templates refuse it
            templates_of([{"name": "t", "text": "x", "answer": text}])
        expression(text)(lambda name: {"a": 5, "b": 1}[name])
    assert said is None or said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@given(st.text(max_size=40) | st.text("0123456789+-*/%().,<>=[]ab \"'", max_size=40))
@settings(max_examples=150)
def test_any_text_gives_a_value_or_an_error_of_ours(text):
    try:
        found = expression(text)(lambda name: 3)
    except ExpressionError:
        return
    show(found)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
@settings(max_examples=50)
def test_carries_are_what_digit_sums_lose(a, b):
    # Kummer: each carry makes the sum's digits 9 smaller than those of its parts.
    lost = sum(map(int, f"{a}{b}")) - sum(map(int, str(a + b)))
    assert carries(a, b) == lost // 9
    assert FUNCTIONS["borrows"](a + b, b) == lost // 9


@given(st.fractions(max_denominator=5000))
@settings(max_examples=50)
def test_numbers_are_shown_exactly(x):
    assert Fraction(show(x)) == x


def one(**keys):
    entry = {"name": "t", "text": "{a}?", "variables": {"a": {"from": 1, "to": 9}}, "answer": "a"}
    return templates_of([{**entry, **keys}], "f.yaml")[0]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"text": ""}, "text: wanted a text"),
        ({"text": []}, "text: wanted"),
        ({"text": "{a"}, "text: wanted slots"),
        ({"text": "{b}"}, "text: wanted a name among a, answer, got 'b'"),
        ({"texts": "x"}, "texts: wanted one of name"),
        ({"name": "a b"}, "name: wanted letters"),
        ({"variables": {"a": {"from": 5, "to": 1}}}, "variables: a: wanted from ≤ to"),
        ({"variables": {"a": {"from": 1}}}, "to: wanted a number, got None"),
        ({"variables": {"a": {"choose": []}}}, "choose: wanted a list that is not empty"),
        ({"variables": {"a": "animals"}}, "names: wanted one of people"),
        ({"variables": {"a": {"names": "people", "count": 400}}}, "count: wanted"),
        ({"variables": {"A": [1]}}, "variables: wanted names of small letters"),
        ({"variables": {"a": [1], "answer": [1]}}, "variables: wanted names"),
        ({"values": {"b": "c", "c": "b"}}, "do not need themselves, got 'b → c → b'"),
        ({"values": {"b": "answer"}, "answer": "b"}, "do not need themselves"),
        ({"values": {f"v{i}": "a" for i in range(200)}}, "values: wanted at most 60"),
        ({"answer": None}, "answer: wanted an expression, got None"),
        ({"answer": "a +"}, "answer: 'a +': not an expression"),
        ({"form": "essay"}, "form: wanted one of number"),
        ({"choices": {"wrong": ["a + 1"], "options": 5}}, "choices: options: wanted a number from"),
        ({"variables": {"a": {"from": 1, "to": 9, "cosmetic": True}}, "where": ["a > 2"]},
         "where: wanted 'a > 2' to hold for any cosmetic variable"),
    ],
)  # fmt: skip
def test_errors_name_file_template_key_wanted_and_got(keys, said):
    with pytest.raises(InputError) as caught:
        one(**keys)
    assert str(caught.value).startswith("f.yaml: template ")
    assert said in str(caught.value)


def test_errors_in_a_draw_say_for_which_values(tmp_path):
    t = one(answer="1 / (a - 5)")
    with pytest.raises(InputError, match=r"answer: .*division by zero \(a = 5\)"):
        generate([t], SECRET, 9)
    with pytest.raises(InputError, match="wanted a number, got the text 'x'"):
        generate([one(answer="'x'", form="number")], SECRET, 1)
    with pytest.raises(InputError, match="where: 'a': wanted yes or no, got the number"):
        generate([one(where=["a"])], SECRET, 1)


def test_files_without_templates_are_refused(tmp_path):
    empty = tmp_path / "e.yaml"
    for text, said in (("", "empty"), ("templates: []", "not empty"), ("a: 1", "one key"),
                       ("- 1", "keys such as"), ("templates: {", "not valid YAML")):  # fmt: skip
        empty.write_text(text)
        with pytest.raises(InputError, match=said):
            read_templates(empty)
    head = "templates: [{name: t, text: x, answer: 1, variables: {a: "
    letters = "abcdefghijklmnopqrs"
    pairs = pairwise(letters)
    bomb = "&a [1, 2]" + "".join(f", {c}: &{c} [*{b}, *{b}]" for b, c in pairs)
    for text in (head + "&x [*x]}}]", head + bomb + "}}]"):
        empty.write_text(text)
        with pytest.raises(InputError, match="at most 20,000 keys"):
            read_templates(empty)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no templates"):
        read_templates(tmp_path / "none")
    twice = "templates: [{name: t, text: x, answer: 1}, {name: t, text: y, answer: 1}]"
    empty.write_text(twice)
    with pytest.raises(InputError, match="'t': name: wanted one of its own"):
        read_templates(empty)


def test_spaces_are_counted_exactly():
    t = one(variables={"a": {"from": 1, "to": 9}, "b": {"from": 1, "to": 9}}, text="{a}+{b}",
            where=["b < a"], answer="a + b")  # fmt: skip
    found = space(t)
    assert (found.assignments, found.distinct) == (81, 36)
    # Lists of different members in order, and as many as there are subsets where order is fixed.
    t = one(variables={"a": {"from": 1, "to": 6, "count": [2, 3], "different": True}},
            where=["sorted(a) == a"], answer="sum(a)", text="{a}")  # fmt: skip
    assert space(t).distinct == 15 + 20
    t = one(variables={"a": {"from": 1, "to": 3, "count": 2}}, answer="sum(a)")
    assert space(t).distinct == 9
    assert space(t, limit=8).distinct is None
    with pytest.raises(InputError, match="wanted one answer to each question"):
        space(one(text="How many?"))


def test_more_items_than_there_are_is_refused_with_the_count():
    t = one(where=["a != 5"])
    assert len({i.question for i in generate([t], SECRET, 8).items}) == 8
    with pytest.raises(InputError, match="f.yaml: template 't': count: .*8 distinct items"):
        generate([t], SECRET, 9)
    with pytest.raises(InputError, match=r"8 distinct items in all|pairs"):
        generate([t], SECRET, 5, twins=True)
    wide = {"a": {"from": 1, "to": 10**9}}
    with pytest.raises(InputError, match="2,000 draws gave no more distinct items"):
        generate([one(variables=wide, where=["a % 2 == 0", "a % 2 == 1"])], SECRET, 1)


def test_options_are_unlike_each_other_and_the_answer():
    t = one(choices={"wrong": ["a", "a + 0", "2 * a", "a * a", "a + 1"], "options": 4})
    for item in generate([t], SECRET, 7).items:
        assert len(set(item.choices)) == 4
        assert item.answer in item.choices
        assert item.form == "choice"
    # For a = 1 and 2 some wrong answers are equal, and three are needed.
    assert space(t).distinct == 7
    places = [i.choices.index(i.answer) for i in generate([t], SECRET, 7).items]
    assert len(set(places)) > 1


def test_the_examples_work_and_are_varied():
    found = read_templates(EXAMPLES)
    assert len(found) >= 6
    made = generate(found, SECRET, 66, twins=True)
    assert {i.form for i in made.items} == {"number", "text", "list", "date", "choice"}
    for a, b in zip(made.items, made.twins, strict=True):
        assert (a.cluster, a.stratum, a.variant) == (b.cluster, b.stratum, b.variant)
        assert a.question != b.question


def test_a_stratum_can_be_asked_for():
    maker = Maker(one(variables={"a": {"from": 1, "to": 500}}), SECRET)
    assert len(maker.one(0, "x", "a:2 answer:2").answer) == 2

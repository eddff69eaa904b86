"""What is learned is what the assistant says and its end of turn; checked token by token on a real tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tarot_tui.errors import BadInput, Refused
from tarot_tui.training.encode import IGNORED, encode, load_tokenizer

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


@pytest.fixture(scope="module")
def tokenizer(smollm2: Path):
    return load_tokenizer(smollm2)


def turns(*contents: str, system: str | None = None) -> list[dict[str, str]]:
    roles = ("user", "assistant") * len(contents)
    first = [{"role": "system", "content": system}] if system is not None else []
    return first + [
        {"role": role, "content": content} for role, content in zip(roles, contents, strict=False)
    ]


def learned(tokenizer, sample) -> list[str]:
    """The runs of labelled tokens, decoded."""
    runs: list[list[int]] = [[]]
    for label in sample.labels:
        if label != IGNORED:
            runs[-1].append(label)
        elif runs[-1]:
            runs.append([])
    return [tokenizer.decode(run) for run in runs if run]


@pytest.mark.parametrize(
    "answer",
    [
        "A leap into the new.",
        "愚者代表新的開始與冒險。",
        "🃏 78 張牌 👩‍👩‍👧",
        "two\n\nparagraphs\n",
        " led by a space",
        "1984",
    ],
)
def test_the_answer_and_its_end_of_turn_are_learned_and_nothing_else(tokenizer, answer):
    (sample,) = encode(tokenizer, [turns("What does The Fool mean?", answer)], 512)
    assert learned(tokenizer, sample) == [answer + "<|im_end|>"]
    assert tokenizer.decode(sample.input_ids).startswith(f"<|im_start|>system\n{SYSTEM}<|im_end|>\n")
    assert sample.cut == 0 and sample.ends


def test_every_answer_of_a_conversation_is_learned(tokenizer):
    (sample,) = encode(tokenizer, [turns("q1", "first", "q2", "second", system="Be brief.")], 512)
    assert learned(tokenizer, sample) == ["first<|im_end|>", "second<|im_end|>"]
    assert tokenizer.decode(sample.input_ids).startswith("<|im_start|>system\nBe brief.<|im_end|>\n")


def test_the_tokens_before_an_answer_are_those_the_model_will_be_asked_with(tokenizer):
    messages = turns("你好 🌙", "first", "and 42?", "second")
    (sample,) = encode(tokenizer, [messages], 512)
    prompt = tokenizer.apply_chat_template(messages[:3], add_generation_prompt=True, return_dict=False)
    assert sample.input_ids[: len(prompt)] == prompt
    assert sample.labels[len(prompt)] != IGNORED


def test_a_last_question_without_an_answer_teaches_nothing(tokenizer):
    (sample,) = encode(tokenizer, [turns("q1", "first", "q2")], 512)
    assert learned(tokenizer, sample) == ["first<|im_end|>"]
    assert tokenizer.decode(sample.input_ids).endswith("first<|im_end|>")


def test_cut_answers_are_counted_to_the_token(tokenizer):
    whole, shorter = (
        encode(tokenizer, [turns("q", "one two three four five")], length)[0] for length in (512, 30)
    )
    assert len(shorter.input_ids) == len(shorter.labels) == 30
    assert shorter.length == len(whole.input_ids) > 30
    assert shorter.cut == whole.supervised - shorter.supervised > 0
    assert encode(tokenizer, [turns("q", "one two three four five")], whole.length)[0].cut == 0


def test_a_cutoff_inside_the_prompt_leaves_nothing_to_learn(tokenizer):
    (sample,) = encode(tokenizer, [turns("q", "a")], 8)
    assert sample.supervised == 0 and sample.prompt > 8


def test_order_and_number_are_kept_over_many_batches(tokenizer):
    samples = encode(tokenizer, [turns(f"number {n}", str(n)) for n in range(600)], 512)
    assert [learned(tokenizer, sample) for sample in samples] == [[f"{n}<|im_end|>"] for n in range(600)]


def test_a_template_that_rewrites_history_is_refused_by_name(smollm2):
    tokenizer = load_tokenizer(smollm2)
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if loop.last and m.role == 'assistant' %}(thought){% endif %}"
        "{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    assert learned(tokenizer, encode(tokenizer, [turns("q", "a")], 99)[0]) == ["(thought)a<|im_end|>"]
    with pytest.raises(Refused, match=smollm2.name):
        encode(tokenizer, [turns("q1", "a1", "q2", "a2")], 99)


def test_a_template_that_refuses_a_role_says_so(smollm2):
    tokenizer = load_tokenizer(smollm2)
    tokenizer.chat_template = (
        "{{ raise_exception('no system role') if messages[0].role == 'system' }}{{ messages[0].content }}"
    )
    with pytest.raises(Refused, match="no system role"):
        encode(tokenizer, [turns("q", "a", system="s")], 99)


def test_a_model_without_a_chat_template_is_refused_in_one_sentence(tiny_llama, tmp_path):
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((tiny_llama / name).read_bytes())
    with pytest.raises(BadInput, match="no chat template"):
        load_tokenizer(tmp_path)

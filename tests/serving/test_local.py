"""llama.cpp in its child process, with a tiny model whose tokenizer and template are real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from tarot_tui.errors import BadInput, TarotError
from tarot_tui.serving.local import Local

ASK = [{"role": "user", "content": "寫出關於愚者正位的含義"}]
#: An answer that is not over before somebody meets it, however slow he is: half a minute and more.
ENDLESS = {"num_ctx": 65_536, "num_predict": 100_000}


@pytest.fixture(scope="module")
def tiny(tiny_gguf):
    with Local(tiny_gguf) as model:
        yield model


@pytest.mark.parametrize(
    "messages",
    [
        ASK,
        [{"role": "system", "content": "你是塔羅師。"}, *ASK],
        [
            *ASK,
            {"role": "assistant", "content": "新的開始 🃏 1234\n\n  x"},
            {"role": "user", "content": "然後{{ x }}?"},
        ],
        [{"role": "user", "content": "  <|im_end|> what 12.50 mean ﹖ \t"}],
    ],
    ids=["user", "system", "turns", "traps"],
)
def test_the_prompt_is_the_models_own_to_the_token(tiny, smollm2, messages):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(smollm2)
    expected = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    prompt, tokens = tiny.render(messages)
    assert prompt == expected
    assert tokens == len(tokenizer(expected, add_special_tokens=False)["input_ids"])


def test_a_template_that_prints_bos_does_not_double_it(make_gguf):
    template = "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    with (
        Local(make_gguf(template, add_bos=True)) as printing,
        Local(make_gguf(template[15:], add_bos=True)) as plain,
    ):
        assert printing.render(ASK)[1] == plain.render(ASK)[1]


def test_a_model_that_was_trained_without_thinking_is_not_told_to_think(make_gguf):
    template = (
        "{% for m in messages %}{{ m['content'] }}{% endfor %}"
        "{% if not enable_thinking %}<think></think>{% else %}<think>{% endif %}"
    )
    with Local(make_gguf(template)) as model:
        told, untold = model.render(ASK, thinking=False)[0], model.render(ASK)[0]
    assert told == ASK[0]["content"] + "<think></think>"
    # llama.cpp's own way, which is why it must be told.
    assert untold == ASK[0]["content"] + "<think>"


def test_greedy_answers_are_the_same_each_time_and_counted(tiny):
    first = "".join(tiny.chat(ASK, temperature=0, num_predict=12))
    assert tiny.stats.tokens == 12 and tiny.stats.per_second > 0
    assert tiny.stats.prompt_tokens == tiny.render(ASK)[1]
    assert "".join(tiny.chat(ASK, temperature=0, num_predict=12)) == first


def test_a_seed_repeats_a_sampled_answer(tiny):
    one, two, other = ("".join(tiny.chat(ASK, seed=seed, num_predict=12)) for seed in (7, 7, 8))
    assert one == two != other


def test_an_answer_ends_at_a_stop_string(tiny):
    whole = "".join(tiny.chat(ASK, temperature=0, num_predict=12))
    stop = whole[len(whole) // 2 :][:2]
    assert "".join(tiny.chat(ASK, temperature=0, num_predict=12, stop=[stop])) == whole[: whole.index(stop)]


def test_leaving_an_answer_early_ends_it(tiny):
    pieces = tiny.chat(ASK, temperature=0, num_predict=100_000)
    next(pieces)
    pieces.close()
    assert "".join(tiny.chat(ASK, num_predict=3)) and tiny.stats.tokens == 3


def test_an_answer_can_be_cancelled_from_another_thread(tiny_gguf):
    with Local(tiny_gguf, ENDLESS) as model:
        pieces = model.chat(ASK, temperature=0)
        next(pieces)
        threading.Timer(0.1, model.cancel).start()
        assert len(list(pieces)) < ENDLESS["num_ctx"] / 2
        assert "".join(model.chat(ASK, num_predict=3))


def test_a_conversation_longer_than_the_context_says_so(tiny):
    with pytest.raises(TarotError, match=r"3\d\d\d tokens .* 2048"):
        list(tiny.chat([{"role": "user", "content": "x " * 3000}]))
    assert "".join(tiny.chat(ASK, num_predict=3))


def test_another_context_length_is_honoured(tiny):
    with pytest.raises(TarotError, match="holds 256"):
        list(tiny.chat([{"role": "user", "content": "x " * 300}], num_ctx=256))


def test_an_unknown_option_names_those_there_are(tiny):
    with pytest.raises(BadInput, match="'temprature'.*temperature"):
        list(tiny.chat(ASK, temprature=0))


def test_the_models_own_parameters_are_its_defaults(tiny_gguf):
    with Local(tiny_gguf, {"temperature": 0, "num_predict": 5, "num_ctx": 128}) as model:
        list(model.chat(ASK))
        assert model.stats.tokens == 5
        with pytest.raises(TarotError, match="holds 256|holds 128"):
            list(model.chat([{"role": "user", "content": "x " * 400}]))


def test_no_port_is_open_and_nothing_reaches_the_terminal(tiny_gguf):
    code = (
        "import sys, psutil; from pathlib import Path; from tarot_tui.serving.local import Local\n"
        "with Local(Path(sys.argv[1])) as model:\n"
        "    list(model.chat([{'role': 'user', 'content': 'hi'}], num_predict=3))\n"
        "    print([c.status for c in psutil.Process(model._child.pid).net_connections('inet')])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tiny_gguf], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_child_ends_with_its_parent(tiny_gguf):
    code = (
        "import sys, time; from pathlib import Path; from tarot_tui.serving.local import Local\n"
        "with Local(Path(sys.argv[1])) as model:\n"
        "    pieces = model.chat([{'role': 'user', 'content': 'hi'}], num_predict=100000)\n"
        "    next(pieces); print(model._child.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, tiny_gguf], stdout=subprocess.PIPE, text=True)
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    assert psutil.wait_procs([child], timeout=60)[0]


def test_a_crash_is_one_sentence(tiny_gguf):
    with Local(tiny_gguf, ENDLESS) as model:
        pieces = model.chat(ASK)
        next(pieces)
        os.kill(model._child.pid, signal.SIGSEGV)
        with pytest.raises(TarotError, match="SIGSEGV"):
            list(pieces)
        with pytest.raises(TarotError, match="SIGSEGV"):
            list(model.chat(ASK))


def test_files_that_are_no_chat_models_are_told_apart(tmp_path, make_gguf):
    text = tmp_path / "notes.gguf"
    text.write_text("not a model")
    with pytest.raises(BadInput, match="not a GGUF"):
        Local(text)
    with pytest.raises(BadInput, match="No such file"):
        Local(tmp_path / "nowhere.gguf")
    with pytest.raises(BadInput, match="no chat template"):
        Local(make_gguf(None))


def test_a_truncated_file_is_refused_with_the_reason(tmp_path, tiny_gguf):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny_gguf.read_bytes()[:-100_000])
    with pytest.raises(TarotError, match="cut.gguf.*corrupted or incomplete"):
        Local(cut).__enter__()


def test_a_header_with_impossible_lengths_is_damaged_not_believed(tmp_path):
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + (3).to_bytes(4, "little") + bytes(8) + b"\xff" * 40)
    with pytest.raises(BadInput, match="damaged"):
        Local(Path(bad))

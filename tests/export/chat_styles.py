"""Chat templates written in the style of the families people fine-tune, and what must be found out about them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """A template, its special tokens, whether the runtime adds a BOS, and the expected report."""

    source: str
    bos: str
    eos: str
    end: str
    adds_bos: bool
    mode: str
    trimmed: tuple[str, ...] = ()


STYLES = {
    "chatml": Style(
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        "<s>", "<|im_end|>", "<|im_end|>", False, "first",
    ),
    "chatml with a default": Style(
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
        "{{ '<|im_start|>system\nBe {{kind}}.<|im_end|>\n' }}{% endif %}"
        "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        "<s>", "<|endoftext|>", "<|im_end|>", False, "first",
    ),
    "llama3": Style(
        "{% set loop_messages = messages %}{% for message in loop_messages %}"
        "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}"
        "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
        "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", True, "first", ("system", "user", "assistant"),
    ),
    "llama2": Style(
        "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}"
        "{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
        "{% for message in loop_messages %}{% if loop.index0 == 0 and system_message != false %}"
        "{% set content = '<<SYS>>\n' + system_message + '\n<</SYS>>\n\n' + message['content'] %}"
        "{% else %}{% set content = message['content'] %}{% endif %}"
        "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content + ' [/INST]' }}"
        "{% else %}{{ ' ' + content + ' ' + eos_token }}{% endif %}{% endfor %}",
        "<s>", "</s>", "</s>", True, "first",
    ),
    "gemma": Style(
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
        "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
        "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}",
        "<bos>", "<eos>", "<end_of_turn>", True, "unsupported", ("user", "assistant"),
    ),
    "mistral": Style(
        "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content'] %}{%- set loop_messages = messages[1:] %}"
        "{%- else %}{%- set loop_messages = messages %}{%- endif %}{{- bos_token }}{%- for message in loop_messages %}"
        "{%- if message['role'] == 'user' %}{%- if loop.last and system_message is defined %}"
        "{{- '[INST] ' + system_message + '\n\n' + message['content'] + '[/INST]' }}{%- else %}"
        "{{- '[INST] ' + message['content'] + '[/INST]' }}{%- endif %}"
        "{%- else %}{{- ' ' + message['content'] + eos_token}}{%- endif %}{%- endfor %}",
        "<s>", "</s>", "</s>", True, "last",
    ),
    "phi3": Style(
        "{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>\n' + message['content'] + '<|end|>\n'}}"
        "{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}"
        "{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}",
        "<s>", "<|endoftext|>", "<|end|>", False, "first",
    ),
    "phi without a system": Style(
        "{% for message in messages %}{% if message.role != 'system' %}{{'<|' + message['role'] + '|>' + '\n' + message['content'] + '<|end|>\n' }}"
        "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}",
        "<s>", "<|endoftext|>", "<|end|>", False, "ignored",
    ),
    "zephyr": Style(
        "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + eos_token }}\n"
        "{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n"
        "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n"
        "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
        "<s>", "</s>", "</s>", True, "first",
    ),
    "thinking": Style(
        "{%- if messages[0].role == 'system' %}{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}{%- endif %}"
        "{%- set ns = namespace(last_query_index=messages|length - 1) %}{%- for message in messages[::-1] %}"
        "{%- set index = (messages|length - 1) - loop.index0 %}{%- if ns.multi_step_tool is not defined and message.role == 'user' %}"
        "{%- set ns.multi_step_tool = false %}{%- set ns.last_query_index = index %}{%- endif %}{%- endfor %}"
        "{%- for message in messages %}{%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}"
        "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}{%- elif message.role == 'assistant' %}"
        "{%- set content = message.content %}{%- if '</think>' in content %}{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}"
        "{%- if loop.index0 > ns.last_query_index %}{{- '<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n' + content }}"
        "{%- else %}{{- '<|im_start|>assistant\\n' + content }}{%- endif %}{{- '<|im_end|>\\n' }}{%- endif %}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}",
        "<|endoftext|>", "<|im_end|>", "<|im_end|>", False, "first",
    ),
}  # fmt: skip

#: Templates that no Go template can follow, with a word of the reason.
UNCONVERTIBLE = {
    "date": (
        "{{ strftime_now('%d %b %Y') }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}<|assistant|>",
        "date",
    ),
    "position": (
        "{% for m in messages %}{{ loop.index }}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}<|assistant|>",
        "where it stands",
    ),
    "repeats": ("{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}", "repeated"),
    "upper": ("{% for m in messages %}<|{{ m.role }}|>{{ m.content|upper }}<|end|>{% endfor %}", "left out"),
    "length": (
        "{% for m in messages %}<|{{ m.role }}|>{{ 'LONG' if m.content|length > 40 }}{{ m.content }}<|end|>{% endfor %}<|assistant|>",
        "renders",
    ),
    "word": (
        "{% for m in messages %}<|{{ m.role }}|>{{ m.content|replace('[INST]', '') }}<|end|>{% endfor %}<|assistant|>",
        "renders",
    ),
    "first of many": (
        "{% if messages|length > 6 %}<|long|>{% endif %}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>"
        "{% endfor %}<|assistant|>",
        "renders",
    ),
    "raises": ("{{ raise_exception('no') }}", "no"),
    "escapes the sandbox": ("{{ messages.__class__.__mro__ }}", "unsafe"),
}

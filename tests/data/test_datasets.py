"""Registered datasets are read as LLaMA-Factory 0.9.5 reads them: its rules for columns and tags, one by one."""

from __future__ import annotations

import json
import threading

import pytest

from tarot_tui.data import dataset, registry
from tarot_tui.errors import BadInput

OPENAI_TAGS = {
    "role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant", "system_tag": "system",
}  # fmt: skip


def say(*turns, role="role", content="content"):
    return [{role: who, content: text} for who, text in turns]


CHAT = [("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "a2")]


def test_absent_columns_mean_alpacas_own_names_and_no_system(project, registered):
    registered("d", [{"instruction": "i", "input": "n", "output": "o", "system": "s"}])
    assert dataset.load(project, "d") == [{"instruction": "i", "input": "n", "output": "o"}]
    assert dataset.conversations(project, "d") == [say(("user", "i\nn"), ("assistant", "o"))]


def test_given_columns_are_the_only_ones(project, registered):
    columns = {"prompt": "q", "response": "a", "system": "s", "history": "h"}
    registered(
        "d",
        [{"q": "i", "input": "n", "a": "o", "s": "S", "h": [["e", "f"]]}, {"q": "i", "a": ""}],
        columns=columns,
    )
    assert dataset.load(project, "d") == [
        {"instruction": "i", "input": "", "output": "o", "system": "S", "history": [["e", "f"]]},
        {"instruction": "i", "input": "", "output": ""},
    ]
    assert dataset.conversations(project, "d")[0] == say(
        ("system", "S"), ("user", "e"), ("assistant", "f"), ("user", "i"), ("assistant", "o")
    )


def test_openai_messages_are_read_by_their_tags(project, registered):
    with_system = [("system", "s"), *CHAT]
    registered(
        "d", [{"messages": say(*with_system)}, {"messages": say(*CHAT[:2])}],
        formatting="sharegpt", columns={"messages": "messages"}, tags=OPENAI_TAGS,
    )  # fmt: skip
    assert dataset.conversations(project, "d") == [say(*with_system), say(*CHAT[:2])]
    assert dataset.load(project, "d") == [
        {"instruction": "q2", "input": "", "output": "a2", "system": "s", "history": [["q1", "a1"]]},
        {"instruction": "q1", "input": "", "output": "a1"},
    ]


def test_sharegpt_without_columns_and_tags_has_its_own_names(project, registered):
    turns = say(("human", "q"), ("gpt", "a"), role="from", content="value")
    registered("d", [{"conversations": turns}], formatting="sharegpt")
    assert dataset.conversations(project, "d") == [say(("user", "q"), ("assistant", "a"))]


def test_json_lines_are_read_and_a_head_does_not_read_on(project, registered):
    registered(
        "d",
        '{"instruction": "i", "output": "o"}\n{"instruction": "j", "output": "p"}\nbroken',
        file_name="d.jsonl",
    )
    assert [sample["output"] for sample in dataset.head(project, "d", 2)] == ["o", "p"]
    with pytest.raises(BadInput, match=r"d\.jsonl, line 3"):
        dataset.load(project, "d")


@pytest.mark.parametrize(
    ("sample", "entry", "says"),
    [
        ({"instruction": "i", "output": 5}, {}, "'output', the answer, must be text"),
        ({"instruction": "i"}, {}, "'output', the answer, must be text"),
        ({"instruction": ["i"], "output": "o"}, {}, "'instruction' must be text"),
        ({"instruction": "i", "output": "o", "h": [["one"]]}, {"columns": {"prompt": "instruction", "response": "output", "history": "h"}}, "'h' must be a list of"),
        ({"conversations": "x"}, {"formatting": "sharegpt"}, "'conversations' must be a list"),
        ({"conversations": say(*CHAT)}, {"formatting": "sharegpt"}, "text under 'from' and 'value'"),
        ({"conversations": say(*CHAT[:3])}, {"formatting": "sharegpt", "tags": OPENAI_TAGS}, "take turns"),
        ({"conversations": say(*CHAT[1:])}, {"formatting": "sharegpt", "tags": OPENAI_TAGS}, "take turns"),
        ({"conversations": say(("system", "s"))}, {"formatting": "sharegpt", "tags": OPENAI_TAGS}, "take turns"),
        ({"conversations": say(*CHAT[:2], ("system", "s"), ("assistant", "a"))}, {"formatting": "sharegpt", "tags": OPENAI_TAGS}, "take turns"),
        ({"conversations": say(("robot", "x"))}, {"formatting": "sharegpt", "tags": OPENAI_TAGS}, "unknown role 'robot'"),
        ({"conversations": say(*CHAT), "t": "[]"}, {"formatting": "sharegpt", "tags": OPENAI_TAGS, "columns": {"messages": "conversations", "tools": "t"}}, "'t' \\(tools\\) is not supported"),
    ],
)  # fmt: skip
def test_a_sample_that_llamafactory_would_drop_is_named(project, registered, sample, entry, says):
    good = {"instruction": "i", "output": "o", "conversations": [], **sample}
    good["conversations"] = (
        say(*CHAT[:2]) if "tags" in entry else say(("human", "q"), ("gpt", "a"), role="from", content="value")
    )
    registered("d", [{**good, "output": "o", "instruction": "i", "t": None, "h": None}, sample], **entry)
    for read in (dataset.load, dataset.conversations):
        with pytest.raises(BadInput, match=f"d.json, sample 2: .*{says}"):
            read(project, "d")


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"hf_hub_url": "org/set"}, "at hf_hub_url"),
        ({"ranking": True}, "'ranking' is not supported"),
        ({"formatting": "sharegtp"}, "unknown formatting 'sharegtp'"),
        ({"columns": {"prompt": "instruction"}}, "must list 'response'"),
        ({"formatting": "sharegpt", "columns": {}}, "must list 'messages'"),
        ({"columns": []}, "'columns' must be an object"),
        ({"file_name": "d.xlsx"}, r"d\.xlsx is not there"),
        ({"file_name": "gone.json"}, r"gone\.json is not there"),
        ({"file_name": None}, "'file_name' is missing"),
    ],
)
def test_an_entry_that_cannot_be_read_as_meant_is_named(project, entry, says):
    (project.data / "d.json").write_text("[]")
    registry.path_of(project).write_text(json.dumps({"d": {"file_name": "d.json", **entry}}))
    with pytest.raises(BadInput, match=f"dataset_info.json, 'd': .*{says}"):
        dataset.load(project, "d")


def test_an_unknown_dataset_is_answered_with_the_nearest(project, registered):
    with pytest.raises(BadInput, match="there is none yet"):
        dataset.load(project, "tarot")
    registered("tarot", [])
    registered("other", [])
    with pytest.raises(
        BadInput, match=r"No dataset 'tarrot' \(did you mean 'tarot'\?\); there is tarot, other"
    ):
        dataset.load(project, "tarrot")


def test_a_broken_registry_is_named_by_its_line(project):
    registry.path_of(project).write_text('{\n"a": {},\n}')
    with pytest.raises(BadInput, match=r"dataset_info\.json, line 3"):
        dataset.names(project)


def test_writers_at_the_same_time_lose_no_entry_and_the_order_is_kept(project):
    registry.path_of(project).write_text(json.dumps({"z": {"file_name": "z.json", "own": 1}, "a": {}}))
    writers = [
        threading.Thread(target=registry.register, args=(project, f"塔羅{i}", {"file_name": f"{i}.json"}))
        for i in range(20)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = registry.read(project)
    assert list(found)[:2] == ["z", "a"] and found["z"]["own"] == 1
    assert set(found) == {"z", "a", *(f"塔羅{i}" for i in range(20))}
    assert registry.path_of(project).read_bytes().isascii()

"""The words that a beginner meets here, each in two or three plain sentences."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from tarot_tui.errors import BadInput
from tarot_tui.locale import N_, _, language
from tarot_tui.text import one_line


@dataclass(frozen=True)
class Word:
    """One word. term: as the field writes it, in any language. text: translatable. also: other names it goes by."""

    term: str
    text: str
    also: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name it is found by."""
        return (self.term, *self.also)


WORDS: tuple[Word, ...] = (
    Word("adapter", N_("What a LoRA training makes: a small file of changes to a base model. It is of use only together with that base."), ("adapter_model", "PEFT")),
    Word("base model", N_("The model that a training begins with. Ours learns on top of what it already knows."), ("model_name_or_path", "base")),
    Word("batch size", N_("How many samples are looked at before the weights move once: the samples at a time on one GPU, times gradient_accumulation_steps, times the GPUs."), ("per_device_train_batch_size", "batch")),
    Word("bf16", N_("Numbers of 16 bits with the range of 32-bit ones: half the memory, rarely unstable. Needs a GPU from about 2020 on."), ("bfloat16", "fp16", "mixed precision")),
    Word("chat template", N_("The exact text that a model wraps around questions and answers. A model that is asked in another wrapping than it was trained in answers badly."), ("template",)),
    Word("checkpoint", N_("A copy of the training on disk, taken now and then. A stopped training goes on from the last one."), ("save_steps",)),
    Word("context length", N_("How many tokens a model can look at in one go: the conversation so far and the answer together."), ("context", "num_ctx")),
    Word("cutoff", N_("The most tokens that a training sample may have. What is longer is cut off, so answers may lose their end: the plan counts that before the start."), ("cutoff_len", "max_length")),
    Word("dataset", N_("A file of samples, made from your documents, that a training learns from.")),
    Word("DeepSpeed", N_("A library that spreads a model too large for one GPU over several. Its stages 2 and 3 spread more and more."), ("ZeRO",)),
    Word("epoch", N_("One pass over every sample of the dataset. Two to five are usual; with too many, a model recites instead of understanding."), ("num_train_epochs",)),
    Word("evaluation loss", N_("The loss on samples that were kept out of training. When it rises while the loss falls, the model has begun to learn by heart."), ("eval_loss", "eval loss")),
    Word("fine-tuning", N_("Training a finished model a little further, on your own samples."), ("SFT", "finetuning")),
    Word("FSDP", N_("PyTorch's own way to spread one model over several GPUs.")),
    Word("full fine-tuning", N_("Every weight is trained, not a small adapter. It needs several times the memory, and gives a whole model."), ("full", "finetuning_type")),
    Word("GGUF", N_("One file that holds a whole model for Ollama and llama.cpp: weights, tokenizer and chat template.")),
    Word("gradient accumulation", N_("Several small batches count as one large one: less memory for the same effect, and more time."), ("gradient_accumulation_steps",)),
    Word("gradient checkpointing", N_("Saves memory by computing a part of the work twice. Trainings take about a fifth longer."), ("gradient_checkpointing",)),
    Word("gradient norm", N_("How hard a step pulls at the weights. Sudden high values mean that training has become unstable."), ("grad_norm", "max_grad_norm")),
    Word("instruct model", N_("A model that was taught to answer, not just to go on with a text. Train these unless you have very many samples."), ("instruct", "chat model")),
    Word("KL divergence", N_("How far the answers of two models are from each other, as a number: 0 means the same. Used to prove that a converted model says what the trained one says."), ("KL", "KLD")),
    Word("learning rate", N_("How large the steps of the training are. Too high forgets and breaks, too low learns nothing; 1e-4 to 2e-4 is usual for LoRA."), ("learning_rate", "lr")),
    Word("llama.cpp", N_("A program that runs GGUF models on almost any machine, also without a GPU. Ollama is built on it.")),
    Word("LoRA", N_("A way to train a large model cheaply: its weights stay as they are, and two thin matrices beside them learn the difference. 'Low-rank adaptation'.")),
    Word("LoRA alpha", N_("How strongly the adapter counts; alpha divided by rank is the factor. Twice the rank is a usual choice."), ("lora_alpha",)),
    Word("LoRA dropout", N_("Part of the adapter is left out by chance at each step, so that it learns less by heart."), ("lora_dropout", "dropout")),
    Word("LoRA rank", N_("How much room the adapter has to learn: 8 for a style or a few facts, 16 to 64 for more. A higher one takes more memory."), ("lora_rank", "rank", "r")),
    Word("LoRA target", N_("Which parts of the model get an adapter; 'all' is all linear layers, and learns most."), ("lora_target", "target_modules")),
    Word("loss", N_("How surprised the model is by the answers it should learn. It falls as the model learns; near zero it recites.")),
    Word("merge", N_("Adding an adapter to its base, so that one model comes out."), ("merging",)),
    Word("Modelfile", N_("Ollama's recipe for a model: which file, which chat template, which system prompt. Written for you.")),
    Word("Ollama", N_("A program that serves models on your own machine, to chats and to other programs.")),
    Word("optimiser", N_("The rule by which the weights move at each step. AdamW is the usual one; its 8-bit form takes a quarter of the memory."), ("optim", "optimizer", "AdamW")),
    Word("out of memory", N_("The GPU has no room left. Help: a smaller batch, a shorter cutoff, gradient checkpointing, or a 4-bit base (QLoRA)."), ("OOM", "CUDA out of memory")),
    Word("overfitting", N_("The model knows the training samples by heart and nothing beside them. Fewer epochs, or more and more varied samples help.")),
    Word("packing", N_("Several short samples are put into one row, so that no time is spent on empty space.")),
    Word("proof", N_("What we measured to show that the exported model is the trained one: the same prompts, tokens and answers.")),
    Word("QLoRA", N_("LoRA on a base that is held in 4 bits: a model of 8 billion weights fits on a GPU of 12 GB."), ("quantization_bit", "4-bit")),
    Word("quantisation", N_("Writing weights with fewer bits, so that a model is smaller and faster. q8_0 is nearly exact, q4_k_m half of that; small models suffer more."), ("quantization", "quant", "q4_k_m", "q8_0", "K-quants")),
    Word("recipe", N_("A file that says everything about a training: which base, which dataset, how long, how fast.")),
    Word("safetensors", N_("A file of weights that cannot run anything when it is opened.")),
    Word("sample", N_("One training conversation: a question and the answer to it.")),
    Word("scheduler", N_("How the learning rate changes while training: up at first (warmup), then slowly down. 'cosine' is usual."), ("lr_scheduler_type", "cosine")),
    Word("seed", N_("The number that all chance begins with. The same seed gives the same training.")),
    Word("step", N_("The weights move once. Samples divided by batch size, times epochs, is the number of steps."), ("max_steps",)),
    Word("stop token", N_("The sign by which a model says that its answer is over. Without it, it talks on and on."), ("EOS", "end of turn")),
    Word("system prompt", N_("Words before the conversation that say how the model should behave."), ("system",)),
    Word("temperature", N_("How freely a model chooses its words: 0 always the likeliest, 1 lively, more is chaos.")),
    Word("token", N_("A piece of text as the model reads it: a word, a part of one, or a single Chinese character or less."), ("tokens", "tokenizer")),
    Word("top_p", N_("The model chooses among the likeliest words that together reach this share."), ("top_k", "min_p")),
    Word("VRAM", N_("The memory of the graphics card. It decides which models can be trained here."), ("GPU memory",)),
    Word("warmup", N_("The first steps are small and grow, so that the training starts without a jolt."), ("warmup_ratio", "warmup_steps")),
    Word("weight decay", N_("A small pull of all weights towards zero, against learning by heart."), ("weight_decay",)),
)  # fmt: skip


def look_up(name: str) -> Word:
    """The word that goes by ``name``, or by a name that begins so. Raises BadInput with what is near."""
    wanted = name.strip().casefold().replace("_", " ")
    known = {one.casefold().replace("_", " "): word for word in WORDS for one in word.names}
    if language() != "en":
        # A translation begins with the word's name in that language.
        known |= {_(word.text).partition("。")[0].casefold(): word for word in WORDS}
    if wanted in known:
        return known[wanted]
    if wanted and len(begun := [key for key in known if key.startswith(wanted)]) > 0:
        return known[min(begun, key=len)]
    near = get_close_matches(wanted, known, 1)
    hint = (
        _("did you mean '{near}'?").format(near=known[near[0]].term)
        if near
        else _("'tarot-tui glossary' lists all.")
    )
    raise BadInput(_("The glossary has no '{word}': {hint}").format(word=one_line(name, 40), hint=hint))


def about(setting: str) -> str:
    """What the word means that a setting is named by; empty when there is none."""
    found = next((word for word in WORDS if setting in word.names), None)
    return _("{name}: {words}").format(name=found.term, words=_(found.text)) if found else ""

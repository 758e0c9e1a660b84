"""A tiny model of `transformers`, built here: scored as PyTorch itself has it."""

import numpy as np
import pytest

from calibrant.errors import InputError, SubjectError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("model"))
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<|endoftext|>", "<|im_end|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    bpe.train_from_iterator(["It was the best of times"] * 9, trainer)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token="<|endoftext|>"
    ).save_pretrained(path)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=bpe.get_vocab_size(), hidden_size=32, intermediate_size=64,
        num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=64,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(path)
    return path


def test_scores_are_those_of_pytorch(folder):
    from calibrant.subjects.logprobs import scorer_of

    scorer = scorer_of(f"hf/{folder}")
    text = "It was the best <|im_end|> naïve"
    row = scorer.row(text)
    tokens = [0, *scorer._tokens(text)]
    assert 1 not in tokens, "a marker in an item is text"
    logits = scorer._model(torch.tensor([tokens])).logits[0].detach().double()
    logp = torch.log_softmax(logits, -1)[:-1]
    own = logp[range(len(tokens) - 1), tokens[1:]]
    mean = (logp.exp() * logp).sum(1)
    np.testing.assert_allclose(row["logprob"], own, atol=1e-5)
    np.testing.assert_allclose(row["mean"], mean, atol=1e-5)
    assert row["prefix"] == "<|endoftext|>" and row["top_k"] is None
    with pytest.raises(InputError, match="do not fit into the context of 64"):
        scorer.row("a b " * 200)
    with pytest.raises(SubjectError, match="hf/"):
        scorer_of(f"hf/{folder}/none").row("a")

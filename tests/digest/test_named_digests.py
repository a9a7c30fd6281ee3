import hashlib
import json

from repro.digest import canonical_json, digest_bytes, digest_file, digest_json, digest_set, short


def test_a_digest_names_its_algorithm_and_is_that_of_its_bytes():
    assert digest_bytes(b"ab", b"c") == digest_bytes(b"abc")
    # https://github.com/BLAKE3-team/BLAKE3/blob/master/test_vectors: the input of length 0
    assert digest_bytes() == (
        "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    )


def test_a_file_is_digested_by_its_bytes(tmp_path):
    for content in (b"", b"abc", bytes(3_000_000)):
        (tmp_path / "file").write_bytes(content)
        assert digest_file(tmp_path / "file") == digest_bytes(content)


def test_json_has_one_text_whatever_the_order_of_its_keys():
    assert canonical_json({"b": [1, 2.5], "a": "é"}) == '{"a":"é","b":[1,2.5]}'
    assert digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})
    assert digest_json([1, 2]) != digest_json([2, 1])


def test_text_that_is_no_utf_8_survives_in_json():
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert json.loads(canonical_json({"name": name}).encode()) == {"name": name}
    assert digest_json(name) != digest_json("caf")


def test_a_set_has_no_order_and_nothing_twice():
    assert digest_set(["b", "a", "b"]) == digest_set(["a", "b"])
    assert digest_set(["a"]) != digest_set(["a", "b"])


def test_a_short_digest_is_of_the_value_not_of_the_algorithm():
    assert short("split/1:" + hashlib.sha256(b"").hexdigest()) == "e3b0c442"

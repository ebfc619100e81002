import re
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runinference_metrics.errors import UserError
from runinference_metrics.options import command_line
from runinference_metrics.options.addresses import AddressError, address, parts

STORAGE, CONSOLE = "https://storage.googleapis.com", "https://console.cloud.google.com/storage"


@pytest.mark.parametrize(
    ("pasted", "meant"),
    [
        (f"{STORAGE}/b/in/a.txt", "gs://b/in/a.txt"),
        (f"{STORAGE}/b/in/", "gs://b/in/"),
        (f"{STORAGE}/b/*.txt", "gs://b/*.txt"),
        (f"{STORAGE}:443/b/a%20film%2B.txt", "gs://b/a film+.txt"),
        (f"{STORAGE}/b/a.txt?X-Goog-Signature=12&X-Goog-Expires=5#top", "gs://b/a.txt"),
        (f"{STORAGE}/storage/v1/b/b/o/in%2Fa.txt", "gs://b/in/a.txt"),
        (f"{STORAGE}/download/storage/v1/b/b/o/in%2Fa.txt?alt=media", "gs://b/in/a.txt"),
        ("https://www.googleapis.com/storage/v1/b/b/o/a.txt", "gs://b/a.txt"),
        ("https://storage.cloud.google.com/b/a.txt?authuser=1", "gs://b/a.txt"),
        ("https://storage.us-central1.rep.googleapis.com/b/a.txt", "gs://b/a.txt"),
        ("HTTP://My.Bucket.STORAGE.googleapis.com/a.txt", "gs://my.bucket/a.txt"),
        (
            f"{CONSOLE}/browser/b/in/sub;tab=objects?project=p&prefix=&x=(%22a%22:1)",
            "gs://b/in/sub/",
        ),
        (f"{CONSOLE}/browser/b;tab=objects?project=p", "gs://b/"),
        (f"{CONSOLE}/browser/_details/b/in/a.txt;tab=live_object?project=p", "gs://b/in/a.txt"),
        ("GS://b/A.txt", "gs://b/A.txt"),
        ("gs:/b/a.txt", "gs://b/a.txt"),
        ("gs:b/a.txt", "gs://b/a.txt"),
        ("gs:///b/a.txt", "gs://b/a.txt"),
        ("gcs://b/a.txt", "gs://b/a.txt"),
        (" 'gs://b/a.txt'\n", "gs://b/a.txt"),
        ("“gs://b/a.txt”", "gs://b/a.txt"),
        ("gs%3A%2F%2Fb%2Fa%20film.txt", "gs://b/a film.txt"),
        ("https%3A%2F%2Fstorage.googleapis.com%2Fb%2Fa.txt", "gs://b/a.txt"),
        # A gs:// address is not encoded: a name may hold what looks like it.
        ("gs://b/100%25.txt", "gs://b/100%25.txt"),
        ("file:///data/a%20film.txt", "/data/a film.txt"),
        ("file:/data/a.txt", "/data/a.txt"),
        ("file://localhost/data/a.txt", "/data/a.txt"),
        # Files may be called so.
        ("2026-01-31T10:00.txt", "2026-01-31T10:00.txt"),
        ("s3:a.txt", "s3:a.txt"),
        ("./gs:b", "./gs:b"),
        ("gs/a.txt", "gs/a.txt"),
        ("it's.txt", "it's.txt"),
    ],
)
def test_what_can_mean_one_thing_only_is_put_right(pasted: str, meant: str) -> None:
    assert address(pasted) == meant
    assert address(pasted, pattern=True) == meant


def test_the_home_folder_is_found_where_the_shell_left_it() -> None:
    assert address("~/a.txt") == str(Path.home() / "a.txt")


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        *((f"{scheme}b/a.txt", "copy the files there first") for scheme in
          ("s3://", "S3A://", "s3:/", "hdfs://", "hdfs:/", "abfs://", "wasbs://", "az://", "ftp://",
           "file://host/", "sftp://u:p@h/", "hf://", "nonsense://")),
        ("https://example.com/a.txt", "download it, or copy it to a bucket, first"),
        ("http:/example.com/a.txt", "download it, or copy it to a bucket, first"),
        # Not Google's, however it begins or ends.
        ("https://storage.googleapis.com.example.org/b/a.txt", "download it"),
        ("https://notstorage.googleapis.com/b/a.txt", "download it"),
        ("https://user@storage.googleapis.com/b/a.txt", "download it"),
        (STORAGE, "which names no bucket"),
        (f"{CONSOLE}/browser?project=p", "which names no bucket"),
        (f"{STORAGE}/b/a?.txt", "write gs://b/a?.txt if ? is any letter of a name"),
        (f"{STORAGE}/b/a.txt?generation=17", "write gs://b/a.txt for its newest"),
        (f"{CONSOLE}/browser/b/in?prefix=2026", "a folder with a filter: write gs://b/in/2026*"),
        (f"{STORAGE}/b/%ff.txt", "whose %-signs are no UTF-8"),
        ("gs//b/a.txt", "write gs://b/a.txt"),
        ("gs;//b/a.txt", "write gs://b/a.txt"),
        ("gs : b/a.txt", "write gs://b/a.txt"),
        ("gs://b/a.txt\ngs://b/c.txt", "several addresses are separated by commas"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_answered_with_the_right_form(pasted: str, said: str) -> None:
    with pytest.raises(AddressError) as refused:
        address(pasted)
    assert said in refused.value.got
    assert refused.value.takes == "local paths and addresses such as gs://bucket/object"


@pytest.mark.parametrize("bucket", ["", "BUCKET", "b*", "[b]", "a b", "-b", "b:c"])
def test_no_bucket_is_called_so(bucket: str) -> None:
    with pytest.raises(AddressError) as refused:
        address(f"gs://{bucket}/a.txt" if bucket else "gs://")
    assert refused.value.takes.startswith("gs://BUCKET/… with a bucket's name")


def test_an_encoded_wildcard_is_a_letter_of_a_name_unless_that_cannot_be_said() -> None:
    pasted = f"{STORAGE}/b/a%5b1%5D*%20b.txt"
    assert address(pasted) == "gs://b/a[1]* b.txt"
    with pytest.raises(AddressError, match=re.escape("write gs://b/a?1?* b.txt, where ? is any")):
        address(pasted, pattern=True)


buckets = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
# As it comes out of its dress: without spaces and quotes at its end, and not a folder.
names = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20).filter(
    lambda name: re.fullmatch(r"[^/\s](?:.*[^\s/\"'`”»\u2019“])?", name) and "//" not in name
)


@given(buckets, names)
def test_an_object_is_the_same_in_every_dress(bucket: str, name: str) -> None:
    plain = f"gs://{bucket}/{name}"
    encoded = quote(name)
    for dressed in (
        plain,
        f"\t'{plain}' ",
        f"GS:/{bucket}/{name}",
        quote(plain, safe=""),
        f"{STORAGE}/{bucket}/{encoded}",
        f"https://{bucket}.storage.googleapis.com/{encoded}",
        f"https://storage.cloud.google.com/{bucket}/{encoded}?authuser=0",
        f"{STORAGE}/storage/v1/b/{bucket}/o/{quote(name, safe='')}",
        f"{CONSOLE}/browser/_details/{bucket}/{encoded};tab=live_object?project=p",
    ):
        assert address(dressed) == plain, dressed
    assert address(f"{CONSOLE}/browser/{bucket}/{encoded};tab=objects?prefix=") == f"{plain}/"


pieces = [
    *(
        "gs:",
        "gs",
        "https:",
        "file:",
        "s3:",
        "//",
        "/",
        "%3A",
        "%2F",
        "%ff",
        "?",
        "=",
        "'",
        "*",
        "[",
    ),
    *(
        "storage.googleapis.com",
        "console.cloud.google.com",
        "storage/browser",
        "_details",
        ";tab=x",
    ),
    *("b", "prefix=", "~/", " ", "\n"),
]
addresslike = st.lists(st.one_of(st.sampled_from(pieces), st.text(max_size=3)), max_size=8).map(
    "".join
)


@given(addresslike, st.booleans())
@example("0gs://", False)
def test_anything_else_is_a_local_path_or_refused(text: str, pattern: bool) -> None:
    try:
        found = address(text, pattern)
    except AddressError:
        return
    assert re.match(r"gs://[a-z0-9]", found) or not re.match(r"(?i)gs:|\w+://", found)


@given(addresslike)
def test_a_wrong_address_of_any_parameter_is_one_line(text: str) -> None:
    for name in ("input", "output", "model", "prices"):
        base = [one for one in ("--input=a", "--output=b") if not one.startswith(f"--{name}=")]
        refused = f"--{name} takes x; got y"
        try:
            command_line.parse([*base, f"--{name}={text}"])
        except UserError as error:
            refused = str(error)
        assert re.fullmatch(rf"--{name} takes .*; got .*", refused)


def test_a_list_is_parted_at_its_commas_but_not_inside_of_the_consoles_addresses() -> None:
    console = f"{CONSOLE}/browser/b/in?pageState=(%22a%22:(1,2),(3,(4)))"
    assert parts(f" gs://b/a, {console},, c(1,d).txt ") == ("gs://b/a", console, "c(1", "d).txt")
    assert parts("'a, b'") == ("a", "b")
    assert parts("'a', 'b'") == ("'a'", "'b'")
    settings, _ = command_line.parse(
        ["--output=gs:b/out", f"--input={console},GS://b, '{STORAGE}/b/%2Ca.txt',~,x/"]
    )
    assert settings.input == ("gs://b/in/", "gs://b/", "gs://b/,a.txt", "~", "x/")
    assert settings.output == "gs://b/out"


def test_commas_in_braces_part_no_list() -> None:
    assert parts("in/{a,b}.txt, c{d,{e,f},g}h,i") == ("in/{a,b}.txt", "c{d,{e,f},g}h", "i")
    # Half a brace is part of a name.
    assert parts("a{b,c") == ("a{b", "c")
    assert parts("a}b,c{d,e}") == ("a}b", "c{d,e}")
    assert parts("{a,{b,c}") == ("{a", "{b,c}")
    settings, _ = command_line.parse(["--output=out", "--input='gs:b/{a,b}/*.{csv,txt}',GS://c"])
    assert settings.input == ("gs://b/{a,b}/*.{csv,txt}", "gs://c/")


def test_prices_are_one_file() -> None:
    base = ["--input=a", "--output=b"]
    assert command_line.parse([*base, "--prices='gs:b/p.yaml'"])[0].prices == "gs://b/p.yaml"
    for folder in ("gs://b", "gs:b/", f"{CONSOLE}/browser/b/in"):
        with pytest.raises(UserError, match="--prices takes a file, or nothing; got"):
            command_line.parse([*base, f"--prices={folder}"])

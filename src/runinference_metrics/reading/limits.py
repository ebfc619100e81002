"""The most that is held of a row and of a text, so that memory is bounded whatever files hold."""

# A reader never holds more of a row. Above it lie damaged files (one without newlines, a quote
# that is never closed) and rows that carry images; a thick novel is below.
MAX_ROW_BYTES = 4 << 20
# What is kept of a longer row: enough to recognise it.
ROW_PREFIX_BYTES = 1000
# A tokenizer takes up to 600 times a text's size (measured: 1 MiB of punctuation, 570 MiB), and a
# model reads no more than some hundred words of it. 1 MiB is a book of 170,000 words.
MAX_TEXT_BYTES = 1 << 20

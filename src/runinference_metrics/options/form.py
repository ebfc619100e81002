"""The Cloud console's form: its parts, and what the service checks a value against."""

# Regular expressions of the Cloud console's form. The service checks a value against them before it
# starts anything: they let pass all that the program takes of a template's launch, an empty field
# and spaces around a value too. The program's own check is stricter and has the better message.
# Whose engine reads them is not known: nothing is in them that RE2, Java and Python read otherwise.
_QUOTE = "[\"'`]?"
_GS = "[Gg][Cc]?[Ss](:/{0,3}|%3[Aa]%2[Ff]%2[Ff])"
_WEB = "[Hh][Tt][Tt][Pp][Ss]?://"
# Commas stand in braces too, as in {a,b}, and in braces in these.
_NAMES = r"([^,{]|\{([^{}]|\{[^{}]*\})*\}|\{)*"
# One of a list; the console's own addresses hold commas in brackets.
_PATTERN = rf"{_QUOTE}({_GS}[^,\s/]{_NAMES}|{_WEB}[^,(]+(\(.*\)[^,]*)?)"
_ADDRESS = rf"{_QUOTE}({_GS}[^\s/]|{_WEB})[^\n\r]*"
# A table of BigQuery, and what may stand behind it; a query, over several lines too.
_TABLE = r"[Bb]([Ii][Gg])?[Qq]([Uu][Ee][Rr][Yy])?://[\s\S]+"
_QUERY = r"([Ss][Ee][Ll][Ee][Cc][Tt]|[Ww][Ii][Tt][Hh])[\s(`*\"'][\s\S]+"
INPUT = rf"^\s*({_PATTERN}(,\s*{_PATTERN})*,?\s*|{_TABLE}|{_QUERY})$"
OUTPUT = rf"^\s*({_ADDRESS}\s*|{_TABLE})$"
HISTORY = rf"^\s*({_ADDRESS}\s*|{_TABLE})?$"
GCS_FILE = rf"^\s*({_ADDRESS})?\s*$"
WHOLE_NUMBER = r"^\s*[0-9]{0,7}\s*$"
WHOLE_NUMBER_OR_AUTO = r"^\s*([Aa][Uu][Tt][Oo]|0*[1-9][0-9]{0,6})?\s*$"
SHARE = r"^\s*(0*\.[0-9]+|0+(\.0*)?|0*1(\.0*)?)?\s*$"
FIELD = r"^\s*[^\n\r]*\s*$"

# The form's parts, in the order in which people look for them.
FILES, FORMAT, MODEL = "Input and output", "How the files are written", "Model and device"
LIMITS, BATCHES = "Failures and cost", "Batches"
# No part of the form: nobody waits for a job that a template launched.
COMMAND_LINE = "On the command line only"

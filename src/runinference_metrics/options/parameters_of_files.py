"""The parameters of input and output: which files and fields, and how the files are written."""

from runinference_metrics.options import choices, file_format, form, output, values
from runinference_metrics.options.parameter import Parameter
from runinference_metrics.options.values import AUTO

FILES: tuple[Parameter, ...] = (
    Parameter(
        "input",
        "Input",
        "The files to classify: one or several comma-separated patterns, local or gs://, such as "
        "gs://bucket/reviews/*.jsonl. A folder means every file in it and in its sub-folders; ** "
        "and {a,b} work too. Write ? for a comma in a file's name. Text, JSON lines and CSV, "
        "compressed or not, Parquet and Avro are told apart by name and content. Or a table of "
        "BigQuery, bq://project.dataset.table; with WHERE stars = 5 behind it some of its rows; or "
        "a query that begins with SELECT.",
        None,
        "one or several comma-separated file patterns, a table, or a query",
        values.patterns,
        "TEXT",
        form.FILES,
        regex=form.INPUT,
    ),
    Parameter(
        "output",
        "Output",
        "The folder, local or gs://, that receives predictions, dead letters, metrics.json and "
        "report.html. Or a table of BigQuery, bq://project.dataset.table, that is written when all "
        "went well; ?partition=COLUMN&cluster=COLUMN,COLUMN may stand behind it.",
        None,
        "a folder or a table",
        values.folder,
        "TEXT",
        form.FILES,
        regex=form.OUTPUT,
    ),
    Parameter(
        "text_field",
        "Text field",
        "The field or column that holds the text; review.text is the field text of the object "
        "review. A .txt file needs none.",
        "text",
        "the name of a field",
        values.text,
        "TEXT",
        form.FILES,
        regex=form.FIELD,
    ),
    Parameter(
        "text_pair_field",
        "Second text field",
        "The field or column that holds the second text, for models that classify pairs of texts "
        "(entailment, cross-encoders). Leave it empty when a row has one text.",
        "",
        "the name of a field, or nothing",
        values.optional_text,
        "TEXT",
        form.FILES,
        regex=form.FIELD,
    ),
    Parameter(
        "id_field",
        "Id field",
        "The field or column that identifies a row; its value goes into the prediction as id. "
        "Leave it empty when rows have none.",
        "",
        "the name of a field, or nothing",
        values.optional_text,
        "TEXT",
        form.FILES,
        regex=form.FIELD,
    ),
    Parameter(
        "keep_fields",
        "Fields to keep",
        "Comma-separated fields or columns to carry into the predictions, under fields; * keeps "
        "all but the texts. Leave it empty to keep none.",
        "",
        "comma-separated names of fields, or *",
        values.names,
        "TEXT",
        form.FILES,
        regex=form.FIELD,
    ),
    Parameter(
        "label_field",
        "Right label field",
        "The field or column that holds each row's right label, by name or number. The report then "
        "says how right the model is: accuracy, precision, recall, F1, confusion, calibration. "
        "Leave it empty when rows have none.",
        "",
        "the name of a field, or nothing",
        values.optional_text,
        "TEXT",
        form.FILES,
        regex=form.FIELD,
    ),
    Parameter(
        "output_format",
        "Output format",
        "How predictions are written into a folder. Dead letters are always JSON lines.",
        "jsonl",
        "jsonl, jsonl.gz, csv, csv.gz, parquet or avro",
        values.one_of(*choices.values_of(choices.OUTPUT_FORMATS)),
        "ENUM",
        form.FILES,
        choices.OUTPUT_FORMATS,
    ),
    Parameter(
        "output_fields",
        "Fields of a prediction",
        "Comma-separated: text, label, score, scores, source, position, right_label, id, fields. "
        "scores:3 is the three most probable labels alone; -text is all but the text. Leave it "
        "empty for all.",
        "",
        f"some of {', '.join(output.FIELDS)}, or -NAME for all but some",
        values.checked_by(output.output_fields),
        "TEXT",
        form.FILES,
        regex=form.FIELD,
    ),
    Parameter(
        "output_shards",
        "Output files",
        "How many files predictions become, such as 10; or how large one may be, such as 256MB. "
        "auto leaves it to the runner, which is fastest.",
        AUTO,
        "auto, a number of files up to 10,000, or a size from 1MB on, such as 256MB",
        values.checked_by(output.shards),
        "TEXT",
        form.FILES,
        regex=form.FIELD,
    ),
    Parameter(
        "overwrite",
        "Overwrite earlier results",
        "When true, the results of an earlier run, and what a killed run left, are deleted from "
        "the output folder first, or the table's rows are replaced. When false, the job refuses to "
        "start if there are any.",
        "false",
        "true or false",
        values.boolean,
        "BOOLEAN",
        form.FILES,
    ),
    Parameter(
        "input_format",
        "Input format",
        "What a file holds. auto finds it from each file's name and first bytes, and asks when it "
        "cannot be told apart.",
        AUTO,
        "auto, text, jsonl, csv, document, parquet or avro",
        values.one_of(*choices.values_of(choices.INPUT_FORMATS)),
        "ENUM",
        form.FORMAT,
        choices.INPUT_FORMATS,
    ),
    Parameter(
        "delimiter",
        "Delimiter",
        "What parts the columns of a CSV file: one character, or its name: comma, semicolon, tab, "
        "pipe, space. auto finds it in each file.",
        AUTO,
        "auto, one character, or one of comma, semicolon, tab, pipe, space",
        file_format.delimiter,
        "TEXT",
        form.FORMAT,
        regex=form.FIELD,
        blank_values=("\t",),
    ),
    Parameter(
        "header",
        "Header",
        "Whether a CSV file begins with its columns' names: yes; no (the columns are called 1, 2, "
        "3 and so on; a single one is the text); or the names themselves, as id,text. auto means "
        "yes, and asks when the first rows do not have the text field.",
        AUTO,
        "auto, yes, no, or the columns' names with commas between them",
        file_format.header,
        "TEXT",
        form.FORMAT,
        regex=form.FIELD,
    ),
    Parameter(
        "encoding",
        "Encoding",
        "How the files' characters are written, such as utf-8, utf-16, cp1252 or latin-1: any "
        "encoding that Python has. auto takes UTF-8, and UTF-16 where the first bytes show it.",
        AUTO,
        "auto or an encoding of texts, such as utf-8, utf-16, cp1252, latin-1, shift_jis",
        file_format.encoding,
        "TEXT",
        form.FORMAT,
        regex=form.FIELD,
    ),
    Parameter(
        "compression",
        "Compression",
        "How the files are compressed, whatever their names say. auto finds it from the first "
        "bytes of each.",
        AUTO,
        "auto, none, gzip, bzip2, zstd or xz",
        values.one_of(*choices.values_of(choices.COMPRESSIONS)),
        "ENUM",
        form.FORMAT,
        choices.COMPRESSIONS,
    ),
)

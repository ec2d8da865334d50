"""The trace formats, imported only when a trace is read.

`source` opens files, `recognition` finds their format, `rows` gathers what is usable of them. Those that hold tables
(`csv_traces`, `parquet`) go through `table` and `arrow_columns`, those that hold JSON through `json_values` and
`json_rows`.
"""
